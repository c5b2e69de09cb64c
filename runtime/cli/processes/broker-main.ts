/** The broker process: the event log, its ingress and its dispatchers. */
import { mkdirSync } from 'node:fs';
import { startBroker } from '../../broker/start-broker.ts';
import { KubeClient } from '../../kube/client.ts';
import { makeHttpTransport } from '../../kube/http-transport.ts';
import { InformerFactory } from '../../kube/informer.ts';
import { systemClock } from '../../std/clock.ts';
import { homeOf } from '../home.ts';
import { runChild } from './child-shell.ts';

await runChild('broker', async (environment) => {
  const { options, logger, signal } = environment;
  const home = homeOf(options.home, {});
  mkdirSync(home.events, { recursive: true, mode: 0o700 });
  const client = new KubeClient(
    makeHttpTransport({ server: 'http://knit-api', socketPath: home.apiSocket }),
  );
  const context = {
    client,
    informers: new InformerFactory({ client, clock: systemClock, random: Math.random, logger }),
    clock: systemClock,
    random: Math.random,
    logger,
    signal,
  };
  const broker = await startBroker(context, {
    dataDir: home.events,
    listen: { host: '127.0.0.1', port: options.brokerPort },
    clusterLocalGateway: { host: '127.0.0.1', port: options.gatewayInternalPort },
  });
  environment.onStop(async () => {
    await broker.close();
    await client.transport.close();
  });
  context.informers.start(signal);
  return {};
});
