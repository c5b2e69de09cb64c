/** The kinds that a release is made of: what is compared, applied and pruned. Pure. */
import { brokerKind, triggerKind } from '../../runtime/apis/eventing/types.ts';
import { httpRouteKind } from '../../runtime/apis/gateway/types.ts';
import {
  apiVersionOf,
  type KubeObject,
  type ResourceKind,
} from '../../runtime/apis/meta/object.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';
import { pingSourceKind } from '../../runtime/apis/sources/types.ts';

/** In the order of application; pruning goes the other way round. */
export const managedKinds: readonly ResourceKind[] = [
  brokerKind,
  serviceKind,
  httpRouteKind,
  pingSourceKind,
  triggerKind,
] as readonly ResourceKind[];

/** @throws when the object is of none of them: a programming error. */
export function kindOf(object: Pick<KubeObject, 'apiVersion' | 'kind'>): ResourceKind {
  const kind = managedKinds.find(
    (candidate) => candidate.kind === object.kind && apiVersionOf(candidate) === object.apiVersion,
  );
  if (!kind) throw new Error(`${object.apiVersion} ${object.kind} is not part of a release`);
  return kind;
}

/** Identity within a namespace, e.g. `triggers.eventing.knative.dev/billing-created`. */
export function objectKey(object: KubeObject): string {
  const kind = kindOf(object);
  return `${kind.plural}.${kind.group}/${object.metadata.name}`;
}
