/**
 * What a DaemonSet needs next: one Pod on every node that it selects, replaced one after another when
 * the template changes, or joined by its successor first where it may surge. Pure.
 * Source: k8s.io/kubernetes pkg/controller/daemon (behaviour).
 */
import {
  type ControllerRevision,
  type DaemonSet,
  daemonSetKind,
  type IntOrPercent,
} from '../../apis/apps/types.ts';
import { isPodReady } from '../../apis/core/pod-readiness.ts';
import type { Node, Pod } from '../../apis/core/types.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import type { Random } from '../../std/random.ts';
import { claimPods } from '../claim-pods.ts';
import { planRevisions } from '../controller-revisions.ts';
import { createPod, deletePod, makePod, randomName } from '../make-pod.ts';
import { availableInMs, isPodFinished, isPodLeaving } from '../pod-facts.ts';
import { patchStatus } from '../status-patch.ts';

export const REVISION_HASH_LABEL = 'controller-revision-hash';

/** The Pods of one node that stay for now. */
interface Post {
  readonly node: string;
  /** Of the present template, and of an earlier one. */
  readonly fresh: Pod | undefined;
  readonly stale: Pod | undefined;
  /** A Pod that is on its way out: its successor waits until the node is free of it. */
  readonly isOccupied: boolean;
}

export function planDaemonSet(
  daemonSet: DaemonSet,
  observed: {
    readonly pods: readonly Pod[];
    readonly nodes: readonly Node[];
    readonly revisions: readonly ControllerRevision[];
  },
  options: { readonly nowMs: number; readonly random: Random },
): Plan {
  if (daemonSet.metadata.deletionTimestamp) return emptyPlan;
  const { spec, metadata } = daemonSet;
  const { pods, adoptions } = claimPods(daemonSet, daemonSetKind, observed.pods);
  const history = planRevisions({
    owner: daemonSet,
    ownerKind: daemonSetKind,
    hashLabel: REVISION_HASH_LABEL,
    revisions: observed.revisions,
    live: new Set(pods.map((pod) => pod.metadata.labels?.[REVISION_HASH_LABEL] ?? '')),
  });
  const { hash } = history;
  const nodes = chooseNodes(daemonSet, observed.nodes);
  const wanted = new Set(nodes);
  const waitOf = (pod: Pod): number | undefined =>
    availableInMs(pod, spec.minReadySeconds ?? 0, options.nowMs);
  const isAvailable = (pod: Pod | undefined): boolean => pod !== undefined && waitOf(pod) === 0;
  const surge = surgeOf(daemonSet, nodes.length);
  const { posts, victims } = placePods(pods, { nodes, hash, maySurge: surge > 0 });
  const roll =
    spec.updateStrategy?.type === 'OnDelete'
      ? { victims: [], births: [] }
      : surge > 0
        ? rollWithSurge(posts, surge, isAvailable)
        : rollInPlace(posts, unavailableOf(daemonSet, nodes.length), isAvailable);
  const empty = posts.filter(({ fresh, stale, isOccupied }) => !fresh && !stale && !isOccupied);
  const births = [...empty.map(({ node }) => node), ...roll.births].map((node) =>
    createPod(
      makePod({
        owner: daemonSet,
        ownerKind: daemonSetKind,
        template: spec.template,
        name: randomName(metadata.name, options.random),
        nodeName: node,
        labels: { [REVISION_HASH_LABEL]: hash },
      }),
    ),
  );
  const running = posts.flatMap(({ stale, fresh }) => stale ?? fresh ?? []);
  const available = running.filter(isAvailable);
  const waits = posts.flatMap(({ stale, fresh }) =>
    [stale, fresh].flatMap((pod) => (pod && waitOf(pod)) || []),
  );
  const actions: Action[] = [
    ...history.actions,
    ...births,
    ...adoptions,
    ...[...victims, ...roll.victims].map(deletePod),
    ...patchStatus(
      daemonSetKind,
      daemonSet,
      {
        currentNumberScheduled: running.length,
        numberMisscheduled: pods.filter((pod) => !wanted.has(pod.spec.nodeName ?? '')).length,
        desiredNumberScheduled: wanted.size,
        numberReady: running.filter(isPodReady).length,
        updatedNumberScheduled: running.filter((pod) => hashOf(pod) === hash).length,
        numberAvailable: available.length,
        numberUnavailable: wanted.size - available.length,
        observedGeneration: metadata.generation ?? 0,
        collisionCount: history.collisionCount,
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

const hashOf = ({ metadata }: Pod): string | undefined => metadata.labels?.[REVISION_HASH_LABEL];

/** Names of the nodes that are to have a Pod. */
function chooseNodes({ spec }: DaemonSet, nodes: readonly Node[]): readonly string[] {
  const selector = Object.entries(
    (spec.template.spec['nodeSelector'] as Record<string, string> | undefined) ?? {},
  );
  return nodes
    .filter(
      ({ metadata }) =>
        !metadata.deletionTimestamp &&
        selector.every(([key, value]) => metadata.labels?.[key] === value),
    )
    .map(({ metadata }) => metadata.name);
}

/** One Pod for each node, the oldest; where a successor may come first, one of either template. */
function placePods(
  pods: readonly Pod[],
  options: { readonly nodes: readonly string[]; readonly hash: string; readonly maySurge: boolean },
): { posts: readonly Post[]; victims: readonly Pod[] } {
  const { nodes, hash, maySurge } = options;
  const victims: Pod[] = [];
  const occupied = new Set<string>();
  const fresh = new Map<string, Pod>();
  const stale = new Map<string, Pod>();
  const wanted = new Set(nodes);
  for (const pod of [...pods].sort(oldestFirst)) {
    const node = pod.spec.nodeName ?? '';
    if (isPodLeaving(pod)) {
      occupied.add(node);
      continue;
    }
    const [own, other] = hashOf(pod) === hash ? [fresh, stale] : [stale, fresh];
    const isSurplus = own.has(node) || (!maySurge && other.has(node));
    if (!wanted.has(node) || isPodFinished(pod) || isSurplus) victims.push(pod);
    else own.set(node, pod);
  }
  const posts = nodes.map((node): Post => ({
    node,
    fresh: fresh.get(node),
    stale: stale.get(node),
    isOccupied: occupied.has(node),
  }));
  return { posts, victims };
}

interface Roll {
  readonly victims: readonly Pod[];
  /** Nodes that get a successor beside the Pod that they have. */
  readonly births: readonly string[];
}

/** Pods of an earlier template that may go now: those that do not serve, and then as many as may be missing. */
function rollInPlace(
  posts: readonly Post[],
  max: number,
  isAvailable: (pod: Pod | undefined) => boolean,
): Roll {
  const stale = posts.flatMap((post) => post.stale ?? []);
  const serving = posts.filter((post) => isAvailable(post.stale ?? post.fresh)).length;
  const room = Math.max(0, max - (posts.length - serving));
  return {
    victims: [
      ...stale.filter((pod) => !isAvailable(pod)),
      ...stale.filter(isAvailable).slice(0, room),
    ],
    births: [],
  };
}

/** Successors come beside Pods that serve, a few at a time, and replace them when they serve too. */
function rollWithSurge(
  posts: readonly Post[],
  max: number,
  isAvailable: (pod: Pod | undefined) => boolean,
): Roll {
  const both = posts.filter(({ fresh, stale }) => fresh && stale);
  const coming = both.filter(({ fresh }) => !isAvailable(fresh)).length;
  const old = posts.filter(({ fresh, stale, isOccupied }) => stale && !fresh && !isOccupied);
  const idle = old.filter(({ stale }) => !isAvailable(stale));
  const next = old.filter(({ stale }) => isAvailable(stale)).slice(0, Math.max(0, max - coming));
  return {
    victims: both.flatMap(({ fresh, stale }) => (isAvailable(fresh) && stale ? [stale] : [])),
    births: [...idle, ...next].map(({ node }) => node),
  };
}

const surgeOf = ({ spec }: DaemonSet, total: number): number =>
  resolve(spec.updateStrategy?.rollingUpdate?.maxSurge ?? 0, total);

const unavailableOf = ({ spec }: DaemonSet, total: number): number =>
  resolve(spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, total);

/** Percentages are rounded up. */
const resolve = (value: IntOrPercent, total: number): number =>
  typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * total) / 100);

const oldestFirst = (a: Pod, b: Pod): number =>
  (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
