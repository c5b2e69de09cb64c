/**
 * Makes ClusterIPs and node ports answer on this machine, for itself and for its pods: a listener for
 * each TCP or UDP port of each Service that has endpoints. A port without endpoints is not listened on, so
 * that connecting to it is refused at once. In user space: no packet filter has to be there.
 */
import { coreServiceKind } from '../../apis/core/types.ts';
import { endpointSliceKind, SERVICE_NAME_LABEL } from '../../apis/discovery/types.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Logger } from '../../std/logger.ts';
import { runCommand } from '../run-command.ts';
import { ServiceDatagrams } from './service-datagrams.ts';
import { ServiceListener } from './service-listener.ts';
import { makeTargets, type ServiceTarget } from './service-targets.ts';

/** Changes of this long are taken together. */
const BATCH_MS = 20;
/** Each holds one file descriptor. */
const LISTENERS_MAX = 4_096;

type Listener = ServiceListener | ServiceDatagrams;

const idOf = ({ protocol, host, port }: ServiceTarget): string => `${protocol} ${host}:${port}`;

export interface ServiceProxyOptions {
  /** The addresses of this machine at which node ports answer. */
  readonly nodeHosts: readonly string[];
}

export interface ServiceProxy {
  /** Resolves when nothing listens and no connection is open. */
  close(): Promise<void>;
}

export function startServiceProxy(
  context: ControllerContext,
  options: ServiceProxyOptions,
): ServiceProxy {
  const { informers, clock, logger } = context;
  const services = informers.informer(coreServiceKind);
  const slices = informers.informer(endpointSliceKind);
  /** By protocol, address and port; `owner` is the key of the Service. */
  const open = new Map<string, { owner: string; listener: Listener }>();
  /** Closed to new connections; cut with the rest at the end. */
  const leaving = new Set<Listener>();
  const changed = new Set<string>();
  let working: Promise<void> | undefined;
  let isClosed = false;

  const note = (key: string): void => {
    changed.add(key);
    if (changed.size === 1) clock.after(BATCH_MS, work);
  };
  const work = (): void => {
    if (isClosed || changed.size === 0) return;
    if (working) {
      clock.after(BATCH_MS, work);
      return;
    }
    const keys = [...changed];
    changed.clear();
    working = lookAt(keys).finally(() => {
      working = undefined;
    });
  };

  async function lookAt(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const { namespace, name } = splitKey(key);
      const service = services.get(namespace, name);
      const own = slices.list({ namespace, labels: { [SERVICE_NAME_LABEL]: name } });
      const targets = service ? makeTargets(service, own, options.nodeHosts) : [];
      await bring(
        key,
        targets.filter(({ endpoints }) => endpoints.length > 0),
      );
    }
  }

  async function bring(key: string, targets: readonly ServiceTarget[]): Promise<void> {
    const wanted = new Map(targets.map((target) => [idOf(target), target]));
    for (const [id, { owner, listener }] of open) {
      if (owner !== key || wanted.has(id)) continue;
      open.delete(id);
      leaving.add(listener);
      void listener.finish().then(() => leaving.delete(listener));
    }
    for (const [id, target] of wanted) {
      const present = open.get(id);
      if (present?.owner === key) {
        present.listener.update(target);
        continue;
      }
      if (present || isClosed) continue;
      await openListener(key, id, target);
    }
  }

  async function openListener(key: string, id: string, target: ServiceTarget): Promise<void> {
    if (open.size >= LISTENERS_MAX) {
      logger.warn('the Service proxy has no listener left', { service: key, address: id });
      return;
    }
    const listener: Listener =
      target.protocol === 'UDP'
        ? new ServiceDatagrams(target, clock)
        : new ServiceListener(target, clock);
    try {
      await listener.listen();
    } catch (error) {
      logger.warn('a Service cannot be reached at its address', {
        service: key,
        address: id,
        error: error instanceof Error ? error.message : String(error),
      });
      return;
    }
    open.set(id, { owner: key, listener });
  }

  const stops = [
    services.onChange(({ object }) => note(keyOf(object.metadata))),
    slices.onChange(({ object }) => {
      const { namespace = '', labels } = object.metadata;
      const name = labels?.[SERVICE_NAME_LABEL];
      if (name) note(keyOf({ namespace, name }));
    }),
  ];
  return {
    async close() {
      isClosed = true;
      for (const stop of stops) stop();
      await working;
      const listeners = [...leaving, ...[...open.values()].map(({ listener }) => listener)];
      open.clear();
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}

/**
 * Makes every address of the Service network one of this machine's, without an interface for each:
 * packets of pods come in over the bridge and stay here. The route goes with the bridge.
 */
export async function routeServiceNetwork(
  bridge: string,
  cidr: string,
  logger: Logger,
): Promise<void> {
  const command = ['ip', 'route', 'replace', 'local', cidr, 'dev', bridge];
  const { exitCode, stderr } = await runCommand(command);
  if (exitCode !== 0)
    logger.warn('Services cannot be reached at their addresses', { cidr, error: stderr.trim() });
}
