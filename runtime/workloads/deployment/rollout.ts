/**
 * How many Pods each ReplicaSet of a Deployment is to have now: rolling update, recreate and
 * proportional scaling, as pure functions over numbers.
 * Source: k8s.io/kubernetes pkg/controller/deployment rolling.go, recreate.go, sync.go (behaviour).
 */
import type { Deployment, IntOrPercent, ReplicaSet } from '../../apis/apps/types.ts';

export const DESIRED_ANNOTATION = 'deployment.kubernetes.io/desired-replicas';
export const MAX_ANNOTATION = 'deployment.kubernetes.io/max-replicas';

export interface ReplicaSets {
  readonly deployment: Deployment;
  readonly current: ReplicaSet;
  /** Of earlier templates, oldest first. */
  readonly old: readonly ReplicaSet[];
  /** Pods of an old template that still run, those being deleted included. For `Recreate`. */
  readonly oldPodCount: number;
}

/** The wanted number for every ReplicaSet whose number changes. */
export type Sizes = ReadonlyMap<ReplicaSet, number>;

export const wantedOf = ({ spec }: Deployment): number => spec.replicas ?? 1;
export const sizeOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 1;
const availableOf = ({ status }: ReplicaSet): number => status?.availableReplicas ?? 0;
const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + count(set), 0);

export const isRecreate = ({ spec }: Deployment): boolean => spec.strategy?.type === 'Recreate';

/** Pods beyond the wanted number: rounded up, 0 for Recreate. */
export function maxSurgeOf(deployment: Deployment): number {
  if (isRecreate(deployment)) return 0;
  const surge = deployment.spec.strategy?.rollingUpdate?.maxSurge;
  return resolve(surge ?? '25%', wantedOf(deployment), Math.ceil);
}

/** Pods that may be missing: rounded down, at least 1 where nothing may surge. */
export function maxUnavailableOf(deployment: Deployment): number {
  const wanted = wantedOf(deployment);
  if (isRecreate(deployment) || wanted === 0) return 0;
  const allowed = deployment.spec.strategy?.rollingUpdate?.maxUnavailable;
  const missing = resolve(allowed ?? '25%', wanted, Math.floor);
  return Math.min(wanted, missing === 0 && maxSurgeOf(deployment) === 0 ? 1 : missing);
}

function resolve(value: IntOrPercent, total: number, round: (exact: number) => number): number {
  if (typeof value === 'number') return value;
  return round((Number.parseInt(value, 10) * total) / 100);
}

/** The next step; empty when there is none to take. */
export function planSizes(sets: ReplicaSets): Sizes {
  if (isScaled(sets)) return scaleProportionally(sets);
  return isRecreate(sets.deployment) ? recreate(sets) : roll(sets);
}

/** Whether the wanted number changed since the active sets were sized. */
function isScaled({ deployment, current, old }: ReplicaSets): boolean {
  return [current, ...old].some((set) => {
    const desired = set.metadata.annotations?.[DESIRED_ANNOTATION];
    return sizeOf(set) > 0 && desired !== undefined && Number(desired) !== wantedOf(deployment);
  });
}

/** A change of the wanted number in the middle of a rollout keeps the sets' proportions. */
export function scaleProportionally({
  deployment,
  current,
  old,
}: Omit<ReplicaSets, 'oldPodCount'>): Sizes {
  const wanted = wantedOf(deployment);
  const active = [current, ...old].filter((set) => sizeOf(set) > 0);
  if (active.length <= 1) {
    const only = active[0] ?? current;
    return sized([[only, wanted]]);
  }
  if (sizeOf(current) === wanted && availableOf(current) === wanted)
    return sized(old.filter((set) => sizeOf(set) > 0).map((set) => [set, 0]));
  if (isRecreate(deployment)) return new Map();
  const allowed = wanted > 0 ? wanted + maxSurgeOf(deployment) : 0;
  const toAdd = allowed - sum(active, sizeOf);
  if (toAdd === 0) return sized(active.map((set) => [set, sizeOf(set)]));
  const age = new Map([current, ...old.toReversed()].map((set, index) => [set, index]));
  const ordered = [...active].sort(
    (a, b) =>
      sizeOf(b) - sizeOf(a) || (toAdd > 0 ? 1 : -1) * ((age.get(a) ?? 0) - (age.get(b) ?? 0)),
  );
  let added = 0;
  const sizes = ordered.map((set): [ReplicaSet, number] => {
    const before = Number(set.metadata.annotations?.[MAX_ANNOTATION]) || wanted;
    const exact = Math.round((sizeOf(set) * allowed) / before) - sizeOf(set);
    const left = toAdd - added;
    const part =
      toAdd > 0 ? Math.min(Math.max(exact, 0), left) : Math.max(Math.min(exact, 0), left);
    added += part;
    return [set, sizeOf(set) + part];
  });
  const first = sizes[0];
  if (first) first[1] = Math.max(0, first[1] + toAdd - added);
  return sized(sizes);
}

function recreate({ deployment, current, old, oldPodCount }: ReplicaSets): Sizes {
  const running = old.filter((set) => sizeOf(set) > 0);
  if (running.length > 0) return sized(running.map((set) => [set, 0]));
  // The old ones must be gone from the machine, not only from the plan.
  if (oldPodCount > 0) return new Map();
  return sized([[current, wantedOf(deployment)]]);
}

function roll({ deployment, current, old }: ReplicaSets): Sizes {
  const wanted = wantedOf(deployment);
  const next = newSize(deployment, current, old);
  if (next !== sizeOf(current)) return sized([[current, next]]);
  const oldCount = sum(old, sizeOf);
  if (oldCount === 0) return new Map();
  const minAvailable = wanted - maxUnavailableOf(deployment);
  const newUnavailable = sizeOf(current) - availableOf(current);
  let cleanable = oldCount + sizeOf(current) - minAvailable - newUnavailable;
  if (cleanable <= 0) return new Map();
  const sizes = new Map(old.map((set) => [set, sizeOf(set)]));
  // Pods of the old template that do not serve are in nobody's way but the surge's.
  for (const set of old) {
    const unhealthy = Math.min(Math.max(0, cleanable), sizeOf(set) - availableOf(set));
    if (unhealthy <= 0) continue;
    sizes.set(set, sizeOf(set) - unhealthy);
    cleanable -= unhealthy;
  }
  let spare = sum([current, ...old], availableOf) - minAvailable;
  for (const set of old) {
    const size = sizes.get(set) ?? 0;
    const less = Math.min(size, Math.max(0, spare));
    sizes.set(set, size - less);
    spare -= less;
  }
  return sized([...sizes].filter(([set, size]) => size !== sizeOf(set)));
}

/** The size of the newest set: up within the surge, down at once. */
export function newSize(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): number {
  const wanted = wantedOf(deployment);
  const size = current ? sizeOf(current) : 0;
  if (size >= wanted || isRecreate(deployment)) return wanted;
  const room = wanted + maxSurgeOf(deployment) - sum(old, sizeOf) - size;
  return size + Math.max(0, Math.min(room, wanted - size));
}

const sized = (entries: readonly (readonly [ReplicaSet, number])[]): Sizes => new Map(entries);
