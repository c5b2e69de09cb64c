/**
 * Ready pods by revision, kept from pod changes one at a time: the way from "Pod is Ready" to the
 * waiting request must not lead through a rebuild of anything. Pure but for its own maps.
 */
import type { Pod } from '../apis/core/types.ts';
import { hostPortAnnotation } from '../apis/knit.ts';
import type { ReadyPod } from './throttler.ts';

export const revisionLabel = 'serving.knative.dev/revision';

/** Key of the revision that a pod belongs to; undefined for other pods. */
export function revisionKeyOf(pod: Pod): string | undefined {
  const revision = pod.metadata.labels?.[revisionLabel];
  return revision === undefined ? undefined : `${pod.metadata.namespace ?? ''}/${revision}`;
}

/** How to reach the pod, or undefined when it must not get requests. `loopback` is where host ports are. */
export function readyPodOf(pod: Pod, loopback: string): ReadyPod | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return undefined;
  const { status } = pod;
  if (!status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'))
    return undefined;
  // The uid is part of the name: a pod made anew under the same name shares no connections.
  const name = `${pod.metadata.name}/${pod.metadata.uid ?? ''}`;
  const hostPort = Number(pod.metadata.annotations?.[hostPortAnnotation] ?? '');
  if (hostPort > 0) return { name, address: { host: loopback, port: hostPort } };
  const port = pod.spec.containers
    .flatMap((container) => container.ports ?? [])
    .find((candidate) => candidate.containerPort > 0)?.containerPort;
  if (!status.podIP) return undefined;
  return { name, address: { host: status.podIP, port: port ?? DEFAULT_PORT } };
}

/** Knative's serving port where a container names none. */
const DEFAULT_PORT = 8080;

export class PodIndex {
  private readonly loopback: string;
  private readonly pods = new Map<string, Map<string, ReadyPod>>();

  constructor(loopback: string) {
    this.loopback = loopback;
  }

  /** Takes a change in; returns the key of the revision whose ready pods are different now. */
  apply(change: { type: 'added' | 'updated' | 'deleted'; object: Pod }): string | undefined {
    const { object: pod, type } = change;
    const key = revisionKeyOf(pod);
    if (key === undefined) return undefined;
    const ready = type === 'deleted' ? undefined : readyPodOf(pod, this.loopback);
    let pods = this.pods.get(key);
    const old = pods?.get(pod.metadata.name);
    if (!ready) {
      if (!old) return undefined;
      pods?.delete(pod.metadata.name);
      if (pods?.size === 0) this.pods.delete(key);
      return key;
    }
    const isSame =
      old?.name === ready.name &&
      old.address.host === ready.address.host &&
      old.address.port === ready.address.port;
    if (isSame) return undefined;
    if (!pods) this.pods.set(key, (pods = new Map()));
    pods.set(pod.metadata.name, ready);
    return key;
  }

  readyPods(revisionKey: string): readonly ReadyPod[] {
    return [...(this.pods.get(revisionKey)?.values() ?? [])];
  }
}
