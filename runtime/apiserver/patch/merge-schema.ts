/**
 * By what the lists of a built-in kind merge in a strategic merge patch: its own markers, which are
 * older than those of server-side apply (see apply/type-node.ts) and differ for some lists.
 */
import { findKindSchema, findTypeSchema } from '../../apis/schema/type-table.ts';
import type { FieldSchema, ObjectSchema, ValueType } from '../../apis/schema/type-table.ts';

export type ListShape =
  | { readonly type: 'atomic' }
  | { readonly type: 'set' }
  | { readonly type: 'map'; readonly keys: readonly string[] };

/**
 * Knows the lists of one kind. A path has the keys of objects and maps from the root; items of lists
 * add nothing to it.
 */
export interface PatchSchema {
  listShape(path: readonly string[]): ListShape;
}

const atomic: ListShape = { type: 'atomic' };

/** A kind that is not built in has no lists that merge. */
export function patchSchemaOf(kind: {
  readonly apiVersion: string;
  readonly kind: string;
}): PatchSchema {
  const root = findKindSchema(kind.apiVersion, kind.kind);
  return {
    listShape(path) {
      const field = root && findField(root, path);
      return field?.type.form === 'list' ? patchShapeOf(field) : atomic;
    },
  };
}

/** Groups that a real API server has compiled in: strategic merge patch works on these only. */
export function isBuiltinGroup(group: string): boolean {
  if (['', 'apps', 'batch', 'autoscaling', 'policy', 'extensions'].includes(group)) return true;
  return group.endsWith('.k8s.io') && !group.startsWith('gateway.networking.');
}

/** The field at a path; undefined for the items of maps and for what the type does not have. */
function findField(root: ObjectSchema, path: readonly string[]): FieldSchema | undefined {
  let type: ValueType = { form: 'object', typeName: root.typeName };
  let field: FieldSchema | undefined;
  for (const key of path) {
    if (type.form === 'object') {
      field = findTypeSchema(type.typeName).byName.get(key);
      if (!field) return undefined;
      type = withoutLists(field.type);
    } else if (type.form === 'map') {
      type = withoutLists(type.item);
      field = undefined;
    } else return undefined;
  }
  return field;
}

function withoutLists(type: ValueType): ValueType {
  let inner = type;
  while (inner.form === 'list') inner = inner.item;
  return inner;
}

function patchShapeOf({ patchStrategy = '', patchMergeKey }: FieldSchema): ListShape {
  if (!patchStrategy.split(',').includes('merge')) return atomic;
  return patchMergeKey === undefined ? { type: 'set' } : { type: 'map', keys: [patchMergeKey] };
}

/** The form names items by one key alone: a Service's port by `port`. */
export const mergeKeyOf = ({ keys }: ListShape & { type: 'map' }): string => keys[0] ?? '';
