/**
 * Connections that leave HTTP: `pods/exec` and `pods/portforward`, over WebSocket. Who may open them
 * was decided before; what runs behind them is the agent's. SPDY, which WebSocket replaced, is not spoken.
 */
import { PodRefusal } from '../../apis/core/pod-refusal.ts';
import type { Pod } from '../../apis/core/types.ts';
import type { UpgradeRequest } from '../http-listener.ts';
import { pickContainer } from '../pod-log.ts';
import { parseResourcePath } from '../request-path.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import { parseExecParameters, serveExec } from './exec-endpoint.ts';
import type { PodStreams } from './pod-streams.ts';
import { parsePorts, servePortForward } from './port-forward-endpoint.ts';

/** What is served here, as discovery names it. */
export const podConnections: readonly string[] = ['pods/exec', 'pods/portforward'];

/** For `HttpListenerOptions.upgrade`. */
export function makePodUpgrades(
  store: Store,
  streams: PodStreams,
): (upgrade: UpgradeRequest) => Promise<void> {
  return async (upgrade) => {
    const { path, query } = upgrade;
    const target = parseResourcePath(path);
    const { namespace = '', name = '' } = target ?? {};
    if (!target || target.group !== '' || target.version !== 'v1' || target.plural !== 'pods')
      throw StatusError.unknownPath();
    const pod = store.get('/pods', namespace, name) as Pod | undefined;
    if (!pod) throw StatusError.notFound({ group: '', plural: 'pods' }, name);
    try {
      switch (target.subresource) {
        case 'exec': {
          const container = pickContainer(pod, query.get('container') ?? undefined);
          const parameters = parseExecParameters({ namespace, pod: name, container }, query);
          return await serveExec(upgrade, streams, parameters);
        }
        case 'portforward': {
          const ports = parsePorts(query);
          return await servePortForward(upgrade, streams, { namespace, pod: name, ports });
        }
        default:
          throw StatusError.unknownPath();
      }
    } catch (error) {
      if (error instanceof PodRefusal) throw StatusError.badRequest(error.message);
      throw error;
    }
  };
}
