/**
 * Keeps EndpointSlices and Endpoints current. Nothing waits for it on the way of a cold start: a
 * change of a pod is only noted, and looked at a moment later together with others.
 */
import { coreServiceKind, endpointsKind, podKind } from '../../apis/core/types.ts';
import { endpointSliceKind, SERVICE_NAME_LABEL } from '../../apis/discovery/types.ts';
import { keyOf, splitKey, type ObjectMeta } from '../../apis/meta/object.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { hasSelector, planEndpoints } from './plan-endpoints.ts';

/** Pods that become ready together are written together; DNS answers live for seconds anyway. */
const BATCH_MS = 50;

export function makeEndpointsController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context;
  const services = informers.informer(coreServiceKind);
  const pods = informers.informer(podKind);
  const endpoints = informers.informer(endpointsKind);
  const slices = informers.informer(endpointSliceKind);
  const recorder = new EventRecorder({ client, component: 'endpoints', clock, logger });
  const sources = [services, pods, endpoints, slices];

  const controller = new Controller({
    name: 'endpoints',
    clock,
    logger,
    reconcile: async (key) => {
      // Before the first lists everything looks gone.
      if (!sources.every(({ hasSynced }) => hasSynced)) return { requeueAfterMs: BATCH_MS };
      const { namespace, name } = splitKey(key);
      const service = services.get(namespace, name);
      const actions = planEndpoints({
        namespace,
        name,
        service,
        pods:
          service && hasSelector(service)
            ? pods.list({ namespace, labels: service.spec.selector ?? {} })
            : [],
        endpoints: endpoints.get(namespace, name),
        slices: slices.list({ namespace, labels: { [SERVICE_NAME_LABEL]: name } }),
      });
      await applyPlan({ actions, events: [] }, { client, recorder });
      return undefined;
    },
  });

  /** Metadata of pods that changed, with their labels of before: which Services select them is found later. */
  let noted: ObjectMeta[] = [];
  const lookAtNoted = (): void => {
    const changed = noted;
    noted = [];
    if (context.signal.aborted) return;
    const namespaces = new Set(changed.map(({ namespace = '' }) => namespace));
    for (const namespace of namespaces)
      for (const service of services.list({ namespace })) {
        if (!hasSelector(service)) continue;
        const wanted = Object.entries(service.spec.selector ?? {});
        const isSelected = changed.some(
          ({ namespace: own = '', labels = {} }) =>
            own === namespace && wanted.every(([key, value]) => labels[key] === value),
        );
        if (isSelected) controller.enqueue(keyOf(service.metadata));
      }
  };
  pods.onChange(({ object, old }) => {
    if (noted.length === 0) clock.after(BATCH_MS, lookAtNoted);
    noted.push(object.metadata);
    if (old && old.metadata.labels !== object.metadata.labels) noted.push(old.metadata);
  });
  services.onChange(({ object }) => controller.enqueueAfter(keyOf(object.metadata), BATCH_MS));
  endpoints.onChange(({ object }) => controller.enqueueAfter(keyOf(object.metadata), BATCH_MS));
  slices.onChange(({ object }) => {
    const { namespace = '', labels } = object.metadata;
    const name = labels?.[SERVICE_NAME_LABEL];
    if (name) controller.enqueueAfter(keyOf({ namespace, name }), BATCH_MS);
  });
  return controller;
}
