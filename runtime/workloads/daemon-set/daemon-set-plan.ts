/**
 * What a DaemonSet needs next: one Pod on every node that it selects, replaced one after another when
 * the template changes. Pure. Keeps no ControllerRevisions, so there is no history to undo.
 * Source: k8s.io/kubernetes pkg/controller/daemon (behaviour).
 */
import { type DaemonSet, daemonSetKind } from '../../apis/apps/types.ts';
import { isPodReady } from '../../apis/core/pod-readiness.ts';
import type { Node, Pod } from '../../apis/core/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import type { Random } from '../../std/random.ts';
import { claimPods } from '../claim-pods.ts';
import { templateHash } from '../deployment/new-replica-set.ts';
import { createPod, deletePod, makePod, randomName } from '../make-pod.ts';
import { availableInMs, isPodFinished, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

export const REVISION_HASH_LABEL = 'controller-revision-hash';

export function planDaemonSet(
  daemonSet: DaemonSet,
  observed: { readonly pods: readonly Pod[]; readonly nodes: readonly Node[] },
  options: { readonly nowMs: number; readonly random: Random },
): Plan {
  if (daemonSet.metadata.deletionTimestamp) return emptyPlan;
  const { spec, metadata } = daemonSet;
  const { pods, adoptions } = claimPods(daemonSet, daemonSetKind, observed.pods);
  const hash = templateHash(spec.template);
  const selector = Object.entries(
    (spec.template.spec['nodeSelector'] as Record<string, string> | undefined) ?? {},
  );
  const nodes = observed.nodes.filter(
    (node) =>
      !node.metadata.deletionTimestamp &&
      selector.every(([key, value]) => node.metadata.labels?.[key] === value),
  );
  const wanted = new Set(nodes.map((node) => node.metadata.name));
  const kept = new Map<string, Pod>();
  const victims: Pod[] = [];
  const occupied = new Set<string>();
  for (const pod of [...pods].sort(oldestFirst)) {
    const node = pod.spec.nodeName ?? '';
    if (isPodLeaving(pod)) {
      // Its successor waits until the node is free of it.
      occupied.add(node);
      continue;
    }
    if (!wanted.has(node) || isPodFinished(pod) || kept.has(node)) victims.push(pod);
    else kept.set(node, pod);
  }
  const births = nodes
    .filter(({ metadata: { name } }) => !kept.has(name) && !occupied.has(name))
    .map(({ metadata: { name } }) =>
      createPod(
        makePod({
          owner: daemonSet,
          ownerKind: daemonSetKind,
          template: spec.template,
          name: randomName(metadata.name, options.random),
          nodeName: name,
          labels: { [REVISION_HASH_LABEL]: hash },
        }),
      ),
    );
  const waitOf = (pod: Pod) => availableInMs(pod, spec.minReadySeconds ?? 0, options.nowMs);
  const running = [...kept.values()];
  const available = running.filter((pod) => waitOf(pod) === 0);
  const isOld = (pod: Pod): boolean => pod.metadata.labels?.[REVISION_HASH_LABEL] !== hash;
  const waits = running.flatMap((pod) => waitOf(pod) || []);
  const actions: Action[] = [
    ...births,
    ...adoptions,
    ...[
      ...victims,
      ...chooseOutdated(daemonSet, {
        old: running.filter(isOld),
        available,
        wanted: wanted.size,
      }),
    ].map(deletePod),
    ...patchStatus(
      daemonSetKind,
      daemonSet,
      {
        currentNumberScheduled: running.length,
        numberMisscheduled: pods.filter((pod) => !wanted.has(pod.spec.nodeName ?? '')).length,
        desiredNumberScheduled: wanted.size,
        numberReady: running.filter(isPodReady).length,
        updatedNumberScheduled: running.filter((pod) => !isOld(pod)).length,
        numberAvailable: available.length,
        numberUnavailable: wanted.size - available.length,
        observedGeneration: metadata.generation ?? 0,
      },
      ['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled', 'numberReady'],
    ),
  ];
  return {
    actions,
    events: [],
    requeueAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

/** Pods of an earlier template that may go now: those that do not serve, and then as many as may be missing. */
function chooseOutdated(
  { spec }: DaemonSet,
  state: {
    readonly old: readonly Pod[];
    readonly available: readonly Pod[];
    readonly wanted: number;
  },
): readonly Pod[] {
  if (spec.updateStrategy?.type === 'OnDelete') return [];
  const allowed = spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  const max =
    typeof allowed === 'number'
      ? allowed
      : Math.ceil((Number.parseInt(allowed, 10) * state.wanted) / 100);
  const idle = state.old.filter((pod) => !state.available.includes(pod));
  const serving = state.old.filter((pod) => state.available.includes(pod));
  const room = max - (state.wanted - state.available.length);
  return [...idle, ...serving.slice(0, Math.max(0, room))];
}

const oldestFirst = (a: Pod, b: Pod): number =>
  (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
