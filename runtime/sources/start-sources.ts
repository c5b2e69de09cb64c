/** The sources room's entry: the controller of PingSource and the adapter that runs the schedules, in one process. */
import type { ObjectLookup } from '../apis/eventing/resolve-destination.ts';
import {
  ReferenceTracker,
  addressableKinds,
  qualifyReference,
  resolveDestination,
} from '../apis/eventing/resolve-destination.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import { apiVersionOf, splitKey } from '../apis/meta/object.ts';
import { defaultSchedule } from '../apis/sources/definitions.ts';
import type { PingSource } from '../apis/sources/types.ts';
import { pingSourceKind } from '../apis/sources/types.ts';
import type { HostPort } from '../broker/event-sender.ts';
import { EventSender } from '../broker/event-sender.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import type { Informer } from '../kube/informer.ts';
import { applyPlan } from '../kube/plan.ts';
import { PingAdapter } from './ping/ping-adapter.ts';
import { planPingSource } from './ping/ping-source.ts';
import { parseSchedule } from './ping/schedule.ts';

export interface SourcesOptions {
  /** Where URLs under `.svc.cluster.local` are dialled; undefined on Kubernetes. */
  readonly clusterLocalGateway?: HostPort | undefined;
}

export interface SourcesHandle {
  /** Stops the schedules; a tick that is being sent is given up. */
  close(): Promise<void>;
}

export async function startSources(
  context: ControllerContext,
  options: SourcesOptions = {},
): Promise<SourcesHandle> {
  const { clock, random, logger } = context;
  const stopping = new AbortController();
  const signal = AbortSignal.any([context.signal, stopping.signal]);
  const sender = new EventSender({ clock, ...options });
  const adapter = new PingAdapter({ clock, random, logger, sender });
  const controller = makePingSourceController(context, adapter);
  const running = (async () => {
    await context.informers.waitForSync(signal).catch(() => undefined); // Aborted: run returns at once.
    await controller.run(signal);
  })();
  return {
    async close() {
      stopping.abort(new Error('sources are stopping'));
      await running;
      await adapter.close();
      await sender.close();
    },
  };
}

function makePingSourceController(context: ControllerContext, adapter: PingAdapter): Controller {
  const { client, clock, logger } = context;
  const sources = context.informers.informer(pingSourceKind);
  const targets = new Map<string, Informer<KubeObject>>();
  for (const kind of addressableKinds)
    targets.set(`${apiVersionOf(kind)}|${kind.kind}`, context.informers.informer(kind));
  const lookUp: ObjectLookup = (ref) =>
    targets.get(`${ref.apiVersion}|${ref.kind}`)?.get(ref.namespace, ref.name);
  const tracker = new ReferenceTracker();
  const recorder = new EventRecorder({ client, component: 'pingsource-controller', clock, logger });
  const controller = new Controller({
    name: 'pingsource',
    clock,
    logger,
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const source = sources.get(namespace, name);
      if (!source || source.metadata.deletionTimestamp) {
        tracker.track(key, []);
        adapter.remove(key);
        return;
      }
      const { ref } = source.spec.sink;
      tracker.track(key, ref ? [qualifyReference(ref, namespace)] : []);
      const sink = resolveDestination(source.spec.sink, { namespace, lookUp });
      const error = scheduleError(source);
      // The adapter follows what was just resolved; the status write below only reports it.
      if (sink.type === 'resolved' && error === undefined)
        adapter.set(key, { ...source, status: { ...source.status, sinkUri: sink.url } });
      else adapter.remove(key);
      const plan = planPingSource({ source, sink, scheduleError: error }, clock.now());
      await applyPlan(plan, { client, recorder });
    },
  });
  controller.watch(sources);
  for (const informer of targets.values())
    controller.watch(informer, (object) => tracker.referrersOf(object));
  return controller;
}

function scheduleError({ spec }: PingSource): string | undefined {
  try {
    parseSchedule(spec.schedule ?? defaultSchedule, spec.timezone);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
