/**
 * The ReplicaSet of a Deployment's present template: finding it, naming it, numbering revisions. Pure.
 * Source: k8s.io/kubernetes pkg/controller/deployment util (behaviour); the hash is our own.
 */
import { createHash } from 'node:crypto';

import { type Deployment, deploymentKind, type ReplicaSet } from '../../apis/apps/types.ts';
import type { PodTemplateSpec } from '../../apis/core/types.ts';
import { isSameValue } from '../../apis/meta/field-rule.ts';
import { ownerRefOf } from '../make-pod.ts';
import { DESIRED_ANNOTATION, MAX_ANNOTATION, maxSurgeOf, wantedOf } from './rollout.ts';

export const TEMPLATE_HASH_LABEL = 'pod-template-hash';
export const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision';
const HASH_LENGTH = 10;
/** The suffix of a Pod, and its hyphen, must fit behind the name within 63 characters. */
const NAME_LENGTH_MAX = 57;
/** What belongs to the Deployment alone. */
const ownAnnotations = new Set([
  REVISION_ANNOTATION,
  'deployment.kubernetes.io/revision-history',
  DESIRED_ANNOTATION,
  MAX_ANNOTATION,
  'deprecated.deployment.rollback.to',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** Stable over key order: the same template always gives the same hash. */
export function templateHash(template: PodTemplateSpec, collisionCount = 0): string {
  const text = JSON.stringify(template, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  const hash = createHash('sha256').update(text);
  if (collisionCount > 0) hash.update(String(collisionCount));
  return hash.digest('hex').slice(0, HASH_LENGTH);
}

export const revisionOf = ({ metadata }: ReplicaSet): number =>
  Number(metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;

/** The set whose template is the Deployment's, but for the hash. */
export function findCurrent(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): ReplicaSet | undefined {
  return sets.find(({ spec }) => isSameTemplate(spec.template, deployment.spec.template));
}

function isSameTemplate(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return isSameValue(a.spec, b.spec) && isSameValue(metaOf(a), metaOf(b));
}

function metaOf({ metadata = {} }: PodTemplateSpec): unknown {
  const { [TEMPLATE_HASH_LABEL]: _hash, ...labels } = metadata.labels ?? {};
  return { labels, annotations: metadata.annotations ?? {} };
}

export function makeReplicaSet(
  deployment: Deployment,
  options: {
    readonly hash: string;
    readonly replicas: number;
    readonly revision: number;
  },
): ReplicaSet {
  const { metadata, spec } = deployment;
  const { hash, replicas, revision } = options;
  const labels = { ...spec.template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: replicaSetName(deployment, hash),
      namespace: metadata.namespace ?? '',
      labels,
      annotations: {
        ...inheritedAnnotations(deployment),
        ...sizeAnnotations(deployment),
        [REVISION_ANNOTATION]: String(revision),
      },
      ownerReferences: [ownerRefOf(deployment, deploymentKind)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH_LABEL]: hash },
      },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}

export const replicaSetName = ({ metadata }: Deployment, hash: string): string =>
  `${metadata.name}-${hash}`.length <= NAME_LENGTH_MAX
    ? `${metadata.name}-${hash}`
    : // A long name gives way, not the hash that tells its sets apart.
      `${metadata.name.slice(0, NAME_LENGTH_MAX - HASH_LENGTH - 1)}-${hash}`;

/** What a set was sized for, by which a later change of the wanted number is noticed. */
export const sizeAnnotations = (deployment: Deployment): Record<string, string> => ({
  [DESIRED_ANNOTATION]: String(wantedOf(deployment)),
  [MAX_ANNOTATION]: String(wantedOf(deployment) + maxSurgeOf(deployment)),
});

function inheritedAnnotations({ metadata }: Deployment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([key]) => !ownAnnotations.has(key)),
  );
}
