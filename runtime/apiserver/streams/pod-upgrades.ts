/**
 * Connections that leave HTTP: `pods/exec`, `pods/attach` and `pods/portforward`, over WebSocket or
 * SPDY/3.1. Who may open them was decided before; what runs behind them is the agent's.
 */
import { PodRefusal } from '../../apis/core/pod-refusal.ts';
import type { Pod } from '../../apis/core/types.ts';
import type { UpgradeRequest } from '../http-listener.ts';
import { pickContainer } from '../pod-log.ts';
import { parseResourcePath } from '../request-path.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import type { PodStreams } from './pod-streams.ts';
import { servePortForward } from './port-forward-endpoint.ts';
import { parseCommand, parseCommandParameters, serveCommand } from './serve-command.ts';

/** What is served here, as discovery names it. */
export const podConnections: readonly string[] = ['pods/attach', 'pods/exec', 'pods/portforward'];

/** For `HttpListenerOptions.upgrade`. */
export function makePodUpgrades(
  store: Store,
  streams: PodStreams,
): (upgrade: UpgradeRequest) => Promise<void> {
  return async (upgrade) => {
    const target = parseResourcePath(upgrade.path);
    const { namespace = '', name = '', subresource = '' } = target ?? {};
    if (!target || target.group !== '' || target.version !== 'v1' || target.plural !== 'pods')
      throw StatusError.unknownPath();
    const pod = store.get('/pods', namespace, name) as Pod | undefined;
    if (!pod) throw StatusError.notFound({ group: '', plural: 'pods' }, name);
    try {
      await serve(upgrade, subresource, { pod, namespace, name, streams });
    } catch (error) {
      if (error instanceof PodRefusal) throw StatusError.badRequest(error.message);
      throw error;
    }
  };
}

async function serve(
  upgrade: UpgradeRequest,
  subresource: string,
  options: {
    readonly pod: Pod;
    readonly namespace: string;
    readonly name: string;
    readonly streams: PodStreams;
  },
): Promise<void> {
  const { pod, namespace, name, streams } = options;
  const { query } = upgrade;
  switch (subresource) {
    case 'exec': {
      const container = pickContainer(pod, query.get('container') ?? undefined);
      const parameters = parseCommandParameters(query);
      const request = { namespace, pod: name, container, ...parameters };
      const command = parseCommand(query);
      return serveCommand(upgrade, parameters, () => streams.exec({ ...request, command }));
    }
    case 'attach': {
      const container = pickContainer(pod, query.get('container') ?? undefined);
      const parameters = parseCommandParameters(query);
      return serveCommand(upgrade, parameters, () =>
        streams.attach({ namespace, pod: name, container, stdin: parameters.stdin }),
      );
    }
    case 'portforward':
      return servePortForward(upgrade, streams, {
        namespace,
        pod: name,
        uid: pod.metadata.uid ?? '',
      });
    default:
      throw StatusError.unknownPath();
  }
}
