/** What the conditions of an applied object say about a deployment. Pure. */
import { getCondition, isObjectReady, type Condition } from '../../runtime/apis/meta/condition.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { httpRouteKind } from '../../runtime/apis/gateway/types.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';

interface WithStatus extends KubeObject {
  status?: { observedGeneration?: number; conditions?: Condition[] };
}

export type Readiness =
  | { readonly state: 'ready' }
  /** `why`: the condition that it waits for, for progress output. */
  | { readonly state: 'waiting'; readonly why: string }
  /** Will not get better by waiting. */
  | { readonly state: 'failed'; readonly why: string };

/** An HTTPRoute needs no readiness: the gateway takes it in at once and reports none. */
export function readinessOf(object: KubeObject): Readiness {
  if (object.kind === httpRouteKind.kind) return { state: 'ready' };
  const { status, metadata } = object as WithStatus;
  if (isObjectReady(object)) return { state: 'ready' };
  if (status?.observedGeneration !== metadata.generation)
    return { state: 'waiting', why: 'not observed yet' };
  // Of a ksvc only a failed revision is final; routes and sources settle after what they point to.
  const configuration = getCondition(status?.conditions, 'ConfigurationsReady');
  if (object.kind === serviceKind.kind && configuration?.status === 'False')
    return { state: 'failed', why: describe(configuration) };
  const ready = getCondition(status?.conditions, 'Ready');
  return { state: 'waiting', why: ready ? describe(ready) : 'no condition yet' };
}

const describe = ({ reason, message }: Condition): string =>
  [reason, message].filter(Boolean).join(': ') || 'no reason given';
