/** Status writes of controllers: nothing when nothing changed, and zeros left out as Go leaves them out. Pure. */
import { isSameValue } from '../apis/meta/field-rule.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { Action } from '../kube/plan.ts';

/** @param required fields that stay when they are zero. @returns no action when the status is as it was. */
export function patchStatus<S extends object>(
  kind: ResourceKind,
  object: KubeObject & { status?: S },
  status: { readonly [K in keyof S]: S[K] | undefined },
  required: readonly (keyof S & string)[] = [],
): readonly Action[] {
  const before = (object.status ?? {}) as Record<string, unknown>;
  const after: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(status)) {
    const isEmpty =
      value === undefined || value === 0 || (Array.isArray(value) && value.length === 0);
    if (!isEmpty || (value !== undefined && (required as readonly string[]).includes(key)))
      after[key] = value;
  }
  if (isSameValue(before, after)) return [];
  // A merge patch forgets only what it names.
  const body: Record<string, unknown> = { ...after };
  for (const key of Object.keys(before)) if (!(key in after)) body[key] = null;
  return [
    {
      type: 'patch',
      kind,
      namespace: object.metadata.namespace ?? '',
      name: object.metadata.name,
      patchType: 'merge',
      subresource: 'status',
      body: { status: body },
    },
  ];
}
