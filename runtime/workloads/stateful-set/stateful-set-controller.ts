/** Wires the StatefulSet plan to the API. */
import { controllerRevisionKind, statefulSetKind } from '../../apis/apps/types.ts';
import { persistentVolumeClaimKind } from '../../apis/core/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { makePodOwnerController } from '../pod-owner-controller.ts';
import { planStatefulSet } from './stateful-set-plan.ts';

export function makeStatefulSetController(
  context: ControllerContext,
  nodeName: string | undefined,
): Controller {
  const { informers, clock } = context;
  const claims = informers.informer(persistentVolumeClaimKind);
  const revisions = informers.informer(controllerRevisionKind);
  return makePodOwnerController(context, {
    kind: statefulSetKind,
    plan(set, pods) {
      const { namespace = '' } = set.metadata;
      const names = new Set(claims.list({ namespace }).map(({ metadata }) => metadata.name));
      return planStatefulSet(
        set,
        { pods, claims: names, revisions: revisions.list({ namespace }) },
        { nowMs: clock.now(), nodeName },
      );
    },
  });
}
