/**
 * What a namespace that is being deleted says about what is left in it: people whose namespace hangs
 * read this. Pure. Source: k8s.io/kubernetes pkg/controller/namespace/deletion/status_condition_utils.go
 * (types, reasons and words).
 */
import type { KubeObject } from '../apis/meta/object.ts';
import { getPath, isJsonObject, type JsonObject } from './json-value.ts';
import { formatGroupResource, type GroupResource } from './status-error.ts';

/** Objects that were found, by resource. */
export type NamespaceContent = ReadonlyMap<GroupResource, readonly KubeObject[]>;

interface Finding {
  readonly type: string;
  readonly isBad: boolean;
  readonly reason: string;
  readonly message: string;
}

/** The namespace with its conditions; itself when they say the same already. */
export function withContentConditions(
  namespace: KubeObject,
  content: NamespaceContent,
  now: string,
): KubeObject {
  const stored = getPath(namespace, 'status.conditions');
  const before = (Array.isArray(stored) ? stored : []).filter(isJsonObject);
  const found = findings(content);
  // Good news is told only about what was bad, or beside bad news.
  if (before.length === 0 && found.every(({ isBad }) => !isBad)) return namespace;
  const conditions = found.map(({ type, isBad, reason, message }) => {
    const old = before.find((condition) => condition['type'] === type);
    const status = isBad ? 'True' : 'False';
    if (old?.['status'] === status && old['reason'] === reason && old['message'] === message)
      return old;
    const lastTransitionTime = old?.['status'] === status ? old['lastTransitionTime'] : now;
    return { type, status, lastTransitionTime, reason, message };
  });
  if (conditions.every((condition, index) => condition === before[index])) return namespace;
  const { status } = namespace as KubeObject & JsonObject;
  const next: KubeObject & JsonObject = { ...namespace, metadata: { ...namespace.metadata } };
  next['status'] = { ...(isJsonObject(status) ? status : {}), conditions };
  return next;
}

function findings(content: NamespaceContent): Finding[] {
  const resources: string[] = [];
  const byFinalizer = new Map<string, number>();
  for (const [resource, objects] of content) {
    if (objects.length === 0) continue;
    const name = resource.group === '' ? `${resource.plural}.` : formatGroupResource(resource);
    resources.push(`${name} has ${objects.length} resource instances`);
    for (const { metadata } of objects)
      for (const finalizer of metadata.finalizers ?? [])
        byFinalizer.set(finalizer, (byFinalizer.get(finalizer) ?? 0) + 1);
  }
  const finalizers = [...byFinalizer].map(
    ([name, count]) => `${name} in ${count} resource instances`,
  );
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      isBad: false,
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      isBad: false,
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    },
    {
      type: 'NamespaceDeletionContentFailure',
      isBad: false,
      reason: 'ContentDeleted',
      message: 'All content successfully deleted, may be waiting on finalization',
    },
    resources.length > 0
      ? {
          type: 'NamespaceContentRemaining',
          isBad: true,
          reason: 'SomeResourcesRemain',
          message: `Some resources are remaining: ${resources.sort().join(', ')}`,
        }
      : {
          type: 'NamespaceContentRemaining',
          isBad: false,
          reason: 'ContentRemoved',
          message: 'All content successfully removed',
        },
    finalizers.length > 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          isBad: true,
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${finalizers.sort().join(', ')}`,
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          isBad: false,
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        },
  ];
}
