/** The gateway process: the data plane of HTTP. Reads the API over the unix socket. */
import { systemClock } from '../../std/clock.ts';
import { KubeClient } from '../../kube/client.ts';
import { makeHttpTransport } from '../../kube/http-transport.ts';
import { InformerFactory } from '../../kube/informer.ts';
import { startGateway } from '../../gateway/gateway.ts';
import { homeOf } from '../home.ts';
import { LOCAL_DOMAIN } from '../local-names.ts';
import { runChild } from './child-shell.ts';

await runChild('gateway', async (environment) => {
  const { options, logger, signal } = environment;
  const home = homeOf(options.home, {});
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
  const gateway = await startGateway(context, {
    identity: `gateway-${process.pid}`,
    external: { host: options.listen, port: options.gatewayPort },
    internal: [{ host: '127.0.0.1', port: options.gatewayInternalPort }],
    autoscaler: { socketPath: home.autoscalerSocket },
    brokerIngress: { host: '127.0.0.1', port: options.brokerPort },
    domain: LOCAL_DOMAIN,
  });
  environment.onStop(async () => {
    await gateway.close();
    await client.transport.close();
  });
  environment.onMessage((message) => {
    if (message.type !== 'bridge') return;
    gateway.addInternalListener({ host: message.address, port: 80 }).catch((error: unknown) => {
      logger.error('failed to listen on the bridge', {
        address: message.address,
        error: String(error),
      });
    });
  });
  context.informers.start(signal);
  return {};
});
