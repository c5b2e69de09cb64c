/** Wires the ReplicaSet plan to the API. Between a ReplicaSet's new number and its first Pod nothing waits. */
import { replicaSetKind } from '../../apis/apps/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { makePodOwnerController } from '../pod-owner-controller.ts';
import { planReplicaFailure, planReplicaSet } from './replica-set-plan.ts';

export function makeReplicaSetController(
  context: ControllerContext,
  nodeName: string | undefined,
): Controller {
  const { clock, random } = context;
  return makePodOwnerController(context, {
    kind: replicaSetKind,
    inheritsFrom: 'Deployment',
    plan: (replicaSet, pods) =>
      planReplicaSet(replicaSet, pods, { nodeName, nowMs: clock.now(), random }),
    fail: (replicaSet, { reason, message }) =>
      planReplicaFailure(replicaSet, { reason, message, nowMs: clock.now() }),
  });
}
