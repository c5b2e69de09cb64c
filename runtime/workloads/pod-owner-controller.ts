/**
 * The shell that all controllers with Pods of their own share: watch the kind and its Pods, observe,
 * plan, carry out. What was asked for counts as there (pod-expectations.ts).
 */
import { type Pod, podKind } from '../apis/core/types.ts';
import type { LabelSelector } from '../apis/meta/label-selector.ts';
import { matchesSelector } from '../apis/meta/label-selector.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import { keyOf, splitKey } from '../apis/meta/object.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import { EventRecorder, type PlannedEvent } from '../kube/event-recorder.ts';
import { applyPlan, type Action, type Plan } from '../kube/plan.ts';
import { eventOf, failureOf } from './pod-events.ts';
import { PodExpectations } from './pod-expectations.ts';

export interface PodOwnerOptions<T extends KubeObject> {
  readonly kind: ResourceKind<T>;
  /** Pods of this kind of owner may be taken over; see claim-pods.ts. */
  readonly inheritsFrom?: string;
  /** @param pods all Pods of the namespace, as they will be */
  readonly plan: (object: T, pods: readonly Pod[]) => Plan;
  /** What the object says of a Pod that could not be made or deleted. */
  readonly fail?: (object: T, failure: PlannedEvent) => readonly Action[];
}

export function makePodOwnerController<
  T extends KubeObject & { spec: { selector?: LabelSelector } },
>(context: ControllerContext, options: PodOwnerOptions<T>): Controller {
  const { client, informers, clock, logger } = context;
  const { kind, inheritsFrom } = options;
  const name = kind.kind.toLowerCase();
  const objects = informers.informer(kind);
  const pods = informers.informer(podKind);
  const recorder = new EventRecorder({ client, component: `${name}-controller`, clock, logger });
  const expectations = new PodExpectations(pods);
  const controller = new Controller({
    name,
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name: objectName } = splitKey(key);
      const object = objects.get(namespace, objectName);
      if (!object) return {};
      const plan = options.plan(object, expectations.list(namespace));
      const done: Action[] = [];
      try {
        return await expectations.during(plan, () =>
          applyPlan(plan, { client, recorder, onDone: (action) => done.push(action) }),
        );
      } catch (error) {
        const failure = failureOf(object, plan.actions[done.length], error);
        if (failure) await report(object, failure);
        throw error;
      } finally {
        // After the Pods: nothing on the way of a scale-up waits for news of it.
        for (const action of done) {
          const event = eventOf(object, action);
          if (event) recorder.record(event);
        }
      }
    },
  });

  async function report(object: T, failure: PlannedEvent): Promise<void> {
    recorder.record(failure);
    const actions = options.fail?.(object, failure) ?? [];
    // The failure itself is what the reconcile ends with.
    await applyPlan({ actions, events: [] }, { client, recorder }).catch(() => undefined);
  }

  controller.watch(objects);
  controller.watch(pods, ({ metadata }) => {
    const { namespace = '', ownerReferences, labels } = metadata;
    const owner = ownerReferences?.find((ref) => ref.controller);
    if (owner?.kind === kind.kind) return [keyOf({ name: owner.name, namespace })];
    if (owner && owner.kind !== inheritsFrom) return [];
    // Nobody of this kind owns it yet: every one that may want it looks.
    return objects
      .list({ namespace })
      .filter(({ spec }) => matchesSelector(spec.selector, labels))
      .map((object) => keyOf(object.metadata));
  });
  return controller;
}
