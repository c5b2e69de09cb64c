/**
 * From client-side to server-side apply: what `kubectl apply` recorded in its annotation is its own,
 * so that `kubectl apply --server-side` meets no conflicts there; and the annotation is kept up to
 * date for whoever still goes by it. For the field manager `kubectl` alone. Pure.
 * Source: k8s.io/apimachinery pkg/util/managedfields/internal/lastapplied*.go (behaviour).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import { differenceOf, emptySet, unionOf, type FieldSet } from './field-set.ts';
import { trackedPart } from './managed-fields.ts';
import type { MapNode } from './type-node.ts';
import { compareFields, fieldsOf } from './typed-fields.ts';

const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';
const MANAGER = 'kubectl';
/** Of all annotations of an object, as validation has it. */
const ANNOTATIONS_LENGTH_MAX = 256 * 1024;

/** Fields that the manager set by client-side applies and that are still as it set them. */
export function lastAppliedFields(
  live: KubeObject,
  applied: KubeObject,
  { manager, type }: { readonly manager: string; readonly type: MapNode },
): FieldSet {
  const text = live.metadata.annotations?.[ANNOTATION];
  if (manager !== MANAGER || !text) return emptySet;
  const last = parseObject(text);
  if (last?.apiVersion !== applied.apiVersion) return emptySet;
  const part = trackedPart(last);
  const { added, modified, removed } = compareFields(part, trackedPart(live), type);
  return differenceOf(fieldsOf(part, type), unionOf(unionOf(added, modified), removed));
}

/** The merged object with the annotation, if it has one, saying what was applied now. */
export function withLastApplied(
  merged: KubeObject,
  applied: KubeObject,
  manager: string,
): KubeObject {
  const { annotations } = merged.metadata;
  if (manager !== MANAGER || annotations?.[ANNOTATION] === undefined) return merged;
  const next: Record<string, string> = {
    ...annotations,
    [ANNOTATION]: `${formatConfiguration(applied)}\n`,
  };
  const length = Object.entries(next).reduce(
    (sum, [key, value]) => sum + key.length + value.length,
    0,
  );
  if (length > ANNOTATIONS_LENGTH_MAX) delete next[ANNOTATION];
  return { ...merged, metadata: { ...merged.metadata, annotations: next } };
}

function formatConfiguration(applied: KubeObject): string {
  const { [ANNOTATION]: _own, ...annotations } = applied.metadata.annotations ?? {};
  const { annotations: _annotations, ...metadata } = applied.metadata;
  const hasAnnotations = Object.keys(annotations).length > 0;
  return JSON.stringify(
    sorted({ ...applied, metadata: { ...metadata, ...(hasAnnotations ? { annotations } : {}) } }),
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}

function parseObject(text: string): (KubeObject & JsonObject) | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (!isJsonObject(value)) return undefined;
    const metadata = isJsonObject(value['metadata']) ? value['metadata'] : {};
    return { ...value, metadata } as unknown as KubeObject & JsonObject;
  } catch {
    return undefined;
  }
}
