/** The broker process: the event log, its ingress and its dispatchers. */
import { mkdirSync } from 'node:fs';
import { startBroker } from '../../broker/start-broker.ts';
import { homeOf } from '../home.ts';
import { runChild } from './child-shell.ts';
import { makeLocalApiContext } from './local-api-context.ts';

await runChild('broker', async (environment) => {
  const { options, signal } = environment;
  const home = homeOf(options.home, {});
  mkdirSync(home.events, { recursive: true, mode: 0o700 });
  const context = makeLocalApiContext(environment, home);
  const broker = await startBroker(context, {
    dataDir: home.events,
    listen: { host: '127.0.0.1', port: options.brokerPort },
    clusterLocalGateway: { host: '127.0.0.1', port: options.gatewayInternalPort },
  });
  environment.onStop(async () => {
    await broker.close();
    await context.client.transport.close();
  });
  context.informers.start(signal);
  return {};
});
