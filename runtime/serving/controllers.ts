/**
 * What the wiring of every Serving kind shares: the listers that plans read from, and a controller
 * that observes, plans and applies.
 */
import type { KubeObject } from '../apis/meta/object.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import type { Plan } from '../kube/plan.ts';
import { applyPlan } from '../kube/plan.ts';

/** A controller whose reconcile is `plan(key)`, read from caches; undefined = nothing to do. */
export function makePlanController(
  context: ControllerContext,
  options: {
    readonly name: string;
    readonly plan: (key: string) => Plan | undefined;
  },
): Controller {
  const { client, clock } = context;
  const logger = context.logger.child({ controller: options.name });
  const recorder = new EventRecorder({ client, component: options.name, clock, logger });
  return new Controller({
    name: options.name,
    clock,
    logger,
    reconcile: async (key) => {
      const plan = options.plan(key);
      return plan === undefined ? undefined : applyPlan(plan, { client, recorder });
    },
  });
}

/** Maps a child to the key of its controller when that is of `kind`. */
export const controllerKeyOf =
  (kind: string) =>
  (child: KubeObject): readonly string[] => {
    const owner = child.metadata.ownerReferences?.find((reference) => reference.controller);
    return owner?.kind === kind ? [`${child.metadata.namespace ?? ''}/${owner.name}`] : [];
  };

/** Maps an object to a key in its namespace by the value of one of its labels. */
export const labelKeyOf =
  (label: string) =>
  (object: KubeObject): readonly string[] => {
    const name = object.metadata.labels?.[label];
    return name === undefined || name === '' ? [] : [`${object.metadata.namespace ?? ''}/${name}`];
  };
