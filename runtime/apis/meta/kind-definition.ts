/**
 * What the API server needs to know of a kind beyond its address: subresources, defaulting,
 * validation, columns. Every group exports a list of these; the API server and the webhook server
 * take them as an argument, so that local admission and cluster admission run the same functions.
 */
import type { JsonSchema } from '../apiextensions/types.ts';
import type { FieldError } from './field-error.ts';
import type { KubeObject, ResourceKind } from './object.ts';

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'date' | 'boolean';
  readonly format?: string;
  readonly description?: string;
  /** Simple JSONPath as in a CRD, e.g. `.status.url` or `.status.conditions[?(@.type=="Ready")].status`. */
  readonly jsonPath: string;
  readonly priority?: number;
}

/** Who asks, for defaulting and validation that depends on it. */
export interface AdmissionContext {
  readonly operation: 'CREATE' | 'UPDATE';
  readonly userName: string;
  /** Wall time in ms. */
  readonly nowMs: number;
  /** The stored object; undefined on create. */
  readonly old?: KubeObject;
  /** Texts for `Warning` headers; appended to. */
  readonly warnings?: string[];
}

/** Another form in which a stored kind is served: other names, the same objects. */
export interface KindFace {
  /** What is stored; it must be defined before its faces. */
  readonly of: ResourceKind;
  /** Neither changes its argument, and nothing may be lost on the way there and back. */
  readonly toStored: (object: KubeObject) => KubeObject;
  readonly fromStored: (object: KubeObject) => KubeObject;
}

export interface KindDefinition<T extends KubeObject = KubeObject> extends ResourceKind<T> {
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Has a status subresource: a write to the object never changes `status`, a status write nothing else. */
  readonly hasStatus: boolean;
  /** Has a scale subresource at these dotted paths (`spec.replicas`, `status.replicas`, `status.selector`). */
  readonly scale?: { readonly spec: string; readonly status: string; readonly selector?: string };
  /** `generation` rises when something outside metadata and status changes. False for Events, ConfigMaps... @default true */
  readonly hasGeneration?: boolean;
  /**
   * `sync`: a write is acknowledged when it is on disk. `behind`: acknowledged at once and written
   * behind; the object can be rebuilt from the machine or from other objects after a crash. @default sync
   */
  readonly durability?: 'sync' | 'behind';
  /** Undefined: the kind is stored as it is. Defaults and validation see the face. */
  readonly face?: KindFace;
  /** A question: create is its only verb, the answer comes back, nothing is stored. @default false */
  readonly isVirtual?: boolean;
  /** What becomes of dependents when a delete does not say. @default as if Background */
  readonly propagationDefault?: 'Orphan';
  readonly columns?: readonly PrinterColumn[];
  /** The cells of `columns`, in their order, where JSONPaths cannot tell them. `nowMs` is wall time, for ages. */
  readonly cells?: (object: T, nowMs: number) => readonly unknown[];
  /** @default the kind with `List` behind it */
  readonly listKind?: string;
  /** The structural schema of a kind that a CustomResourceDefinition brought: unknown fields are pruned by it. */
  readonly schema?: JsonSchema;
  /** Of such a kind: fields that `fieldSelector` may name, dotted. */
  readonly selectableFields?: readonly string[];
  /** Sent as a Warning header with each answer for this version. */
  readonly deprecationWarning?: string;
  /** Said to whoever creates an object: the kind is about to go. */
  readonly refusesCreate?: string;
  /** The server sets it when the object is first deleted, for the cleanup that only it can do. */
  readonly deletionFinalizer?: string;
  /** What else becomes of an object that is deleted and stays for a while. @param time RFC 3339 */
  readonly markDeleted?: (object: T, time: string) => T;
  /** Returns the object with defaults filled in; must not change its argument. */
  readonly applyDefaults?: (object: T, context: AdmissionContext) => T;
  /** Returns all field errors; empty when valid. Called after defaulting, not for status writes. */
  readonly validate?: (object: T, context: AdmissionContext) => readonly FieldError[];
}
