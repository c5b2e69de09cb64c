/** Wires the DaemonSet plan to the API: a node that comes, goes or is labelled concerns them all. */
import { controllerRevisionKind, daemonSetKind } from '../../apis/apps/types.ts';
import { nodeKind } from '../../apis/core/types.ts';
import { keyOf } from '../../apis/meta/object.ts';
import { isSameValue } from '../../apis/meta/field-rule.ts';
import type { ControllerContext } from '../../kube/context.ts';
import type { Controller } from '../../kube/controller.ts';
import { makePodOwnerController } from '../pod-owner-controller.ts';
import { planDaemonSet } from './daemon-set-plan.ts';

export function makeDaemonSetController(context: ControllerContext): Controller {
  const { informers, clock, random } = context;
  const nodes = informers.informer(nodeKind);
  const revisions = informers.informer(controllerRevisionKind);
  const daemonSets = informers.informer(daemonSetKind);
  const controller = makePodOwnerController(context, {
    kind: daemonSetKind,
    plan: (daemonSet, pods) =>
      planDaemonSet(
        daemonSet,
        {
          pods,
          nodes: nodes.list(),
          revisions: revisions.list({ namespace: daemonSet.metadata.namespace ?? '' }),
        },
        { nowMs: clock.now(), random },
      ),
  });
  nodes.onChange((change) => {
    // A node's heartbeat is no reason to look.
    const isSame =
      change.type === 'updated' &&
      isSameValue(change.old?.metadata.labels, change.object.metadata.labels);
    if (!isSame) for (const { metadata } of daemonSets.list()) controller.enqueue(keyOf(metadata));
  });
  return controller;
}
