/** How the processes of the data plane reach the local API: over its unix socket, with caches of their own. */
import { KubeClient } from '../../kube/client.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { makeHttpTransport } from '../../kube/http-transport.ts';
import { InformerFactory } from '../../kube/informer.ts';
import type { Home } from '../home.ts';
import type { ChildEnvironment } from './child-shell.ts';

/** The informers are not started yet. Close `client.transport` when the process stops. */
export function makeLocalApiContext(
  { logger, signal, clock }: ChildEnvironment,
  home: Home,
): ControllerContext {
  const client = new KubeClient(
    makeHttpTransport({ server: 'http://knit-api', socketPath: home.apiSocket }),
  );
  const informers = new InformerFactory({ client, clock, random: Math.random, logger });
  return { client, informers, clock, random: Math.random, logger, signal };
}
