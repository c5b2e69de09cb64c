/**
 * Brings the bootstrap roles and bindings up to date at a start: missing ones are created, missing
 * rules, subjects and labels are added, and nothing that somebody added is taken away. An object
 * with the annotation `rbac.authorization.k8s.io/autoupdate: "false"` is left alone.
 * Source: k8s.io/component-helpers auth/rbac/reconciliation.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import {
  clusterRoleBindingKind,
  clusterRoleKind,
  type ClusterRole,
  type RoleBinding,
} from '../../apis/rbac/types.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KindRegistry } from '../kind-registry.ts';
import type { Store } from '../store/store.ts';
import {
  AUTOUPDATE_ANNOTATION,
  bootstrapClusterRoleBindings,
  bootstrapClusterRoles,
} from './bootstrap-policy.ts';
import { missingRules } from './policy-rule.ts';

/** Resolves when everything that had to be written is on disk. Does nothing where the kinds are not served. */
export async function reconcileBootstrapPolicy(deps: {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly client: KubeClient;
}): Promise<void> {
  const plans = [
    { kind: clusterRoleKind, wanted: bootstrapClusterRoles, update: updateRole },
    { kind: clusterRoleBindingKind, wanted: bootstrapClusterRoleBindings, update: updateBinding },
  ];
  const writes = plans.flatMap(({ kind, wanted, update }) => {
    const resource = deps.registry.find(kind.group, kind.version, kind.plural);
    if (!resource) return [];
    return wanted.map(async (bootstrap: KubeObject): Promise<void> => {
      const { name } = bootstrap.metadata;
      const found = deps.store.get(resource.storeName, '', name);
      if (found?.metadata.annotations?.[AUTOUPDATE_ANNOTATION] === 'false') return;
      const body = found ? update(found as never, bootstrap as never) : bootstrap;
      if (body) await (found ? deps.client.update(kind, body) : deps.client.create(kind, body));
    });
  });
  await Promise.all(writes);
}

/** @returns undefined when there is nothing to add. */
function updateRole(found: ClusterRole, wanted: ClusterRole): ClusterRole | undefined {
  const missing = wanted.aggregationRule ? [] : missingRules(found.rules ?? [], wanted.rules ?? []);
  const metadata = withMetadata(found, wanted);
  const needsAggregation = wanted.aggregationRule !== undefined && !found.aggregationRule;
  if (missing.length === 0 && !metadata && !needsAggregation) return undefined;
  return {
    ...found,
    metadata: metadata ?? found.metadata,
    ...(missing.length === 0 ? {} : { rules: [...(found.rules ?? []), ...missing] }),
    ...(wanted.aggregationRule && needsAggregation
      ? { aggregationRule: wanted.aggregationRule }
      : {}),
  };
}

function updateBinding(found: RoleBinding, wanted: RoleBinding): RoleBinding | undefined {
  const subjects = found.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter(
    (one) => !subjects.some(({ kind, name }) => kind === one.kind && name === one.name),
  );
  const metadata = withMetadata(found, wanted);
  if (missing.length === 0 && !metadata) return undefined;
  return { ...found, metadata: metadata ?? found.metadata, subjects: [...subjects, ...missing] };
}

function withMetadata(found: KubeObject, wanted: KubeObject): KubeObject['metadata'] | undefined {
  const labels = { ...wanted.metadata.labels, ...found.metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...found.metadata.annotations };
  const isSame =
    Object.keys(labels).length === Object.keys(found.metadata.labels ?? {}).length &&
    Object.keys(annotations).length === Object.keys(found.metadata.annotations ?? {}).length;
  return isSame ? undefined : { ...found.metadata, labels, annotations };
}
