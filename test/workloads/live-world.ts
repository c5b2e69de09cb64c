/**
 * A real API server with all workload controllers, and a node that only pretends: Pods on it are Ready
 * as soon as they are seen, and gone as soon as they are deleted.
 */
import { nodeKind, podKind, type Pod } from '../../runtime/apis/core/types.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { allDefinitions } from '../../runtime/cli/all-definitions.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { startWorkloads } from '../../runtime/workloads/start-workloads.ts';
import type { ApiServerOptions } from '../../runtime/apiserver/start-api-server.ts';
import { type Api, startApi } from '../apiserver/api-harness.ts';

export interface LiveWorld {
  readonly api: Api;
  /** What becomes of a Pod of this name that starts; Running and Ready where nothing is said. */
  readonly fates: Map<RegExp, Partial<NonNullable<Pod['status']>>>;
  close(): Promise<void>;
}

export async function startLiveWorld(options: Partial<ApiServerOptions> = {}): Promise<LiveWorld> {
  const api = await startApi({ definitions: allDefinitions, ...options });
  const abort = new AbortController();
  const client = new KubeClient(api.server.transport);
  const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
  const informers = new InformerFactory(deps);
  await client.create(nodeKind, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node' } });
  const workloads = startWorkloads(
    { ...deps, informers, signal: abort.signal },
    { nodeName: 'node' },
  );
  const fates: LiveWorld['fates'] = new Map();
  informers.informer(podKind).onChange(({ type, object }) => {
    if (type === 'deleted') return;
    // A node acts on its own time, not in the tick of whoever writes.
    setImmediate(() => void act(object).catch(() => undefined));
  });

  async function act(pod: Pod): Promise<void> {
    const { namespace = '', name, uid, deletionTimestamp } = pod.metadata;
    const ref = { namespace, name };
    if (deletionTimestamp) {
      await api.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, {
        gracePeriodSeconds: 0,
        preconditions: { uid },
      });
      return;
    }
    if (pod.status?.phase !== 'Pending') return;
    const fate = [...fates].find(([pattern]) => pattern.test(name))?.[1];
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const ready = { type: 'Ready', status: 'True', lastTransitionTime: now };
    const status = { phase: 'Running', conditions: [ready], ...fate };
    await client.patch(podKind, ref, { type: 'merge', body: { status }, subresource: 'status' });
  }

  informers.start(abort.signal);
  await informers.waitForSync();
  return {
    api,
    fates,
    async close() {
      await workloads.close();
      abort.abort();
      await api.close();
    },
  };
}
