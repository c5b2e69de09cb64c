/** The gateway process: the data plane of HTTP. Reads the API over the unix socket. */
import { startGateway } from '../../gateway/gateway.ts';
import { homeOf } from '../home.ts';
import { LOCAL_DOMAIN } from '../local-names.ts';
import { runChild } from './child-shell.ts';
import { makeLocalApiContext } from './local-api-context.ts';

await runChild('gateway', async (environment) => {
  const { options, logger, signal } = environment;
  const home = homeOf(options.home, {});
  const context = makeLocalApiContext(environment, home);
  const gateway = await startGateway(context, {
    identity: `gateway-${process.pid}`,
    external: { host: options.listen, port: options.gatewayPort },
    ...(options.gatewayTlsPort > 0 && {
      externalTls: { host: options.listen, port: options.gatewayTlsPort },
    }),
    internal: [{ host: '127.0.0.1', port: options.gatewayInternalPort }],
    autoscaler: { socketPath: home.autoscalerSocket },
    brokerIngress: { host: '127.0.0.1', port: options.brokerPort },
    domain: LOCAL_DOMAIN,
    writeRequestLog: (line) => void process.stdout.write(line),
  });
  environment.onStop(async () => {
    await gateway.close();
    await context.client.transport.close();
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
