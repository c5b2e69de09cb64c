/** What a write is, whichever way it came: who writes, to which object, under which options. */
import type { KubeObject } from '../apis/meta/object.ts';
import type { UserInfo } from './auth/user-info.ts';
import type { FieldValidation } from './object-decoder.ts';

/** What every write carries beside its body. */
export interface WriteContext {
  readonly user: UserInfo;
  /** Undefined: the write does not begin tracking of field owners (see apply/record-update.ts). */
  readonly fieldManager: string | undefined;
  /** Acknowledge only what is on disk, also of a kind that is written behind: true for clients from outside. */
  readonly mustBeDurable: boolean;
  readonly dryRun: boolean;
  /** Undefined: the body is our own typed code's, and no schema is walked for it. */
  readonly fieldValidation: FieldValidation | undefined;
  /** See `DecodeOptions`. */
  readonly parseProblems: readonly string[];
  /** Texts for `Warning` headers; whoever has something to say appends. */
  readonly warnings: string[];
}

/** A write and its path. Of the subresources, `status` alone writes another part of the object. */
export type Operation = WriteContext & { readonly subresource: string | undefined };

export interface ObjectRef {
  /** Empty for cluster-scoped resources. */
  readonly namespace: string;
  readonly name: string;
}

export interface WriteResult {
  readonly code: number;
  readonly object: KubeObject;
  /** See `StoreWrite.durable`; undefined when there is nothing to wait for. */
  readonly durable: Promise<void> | undefined;
}

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

export interface PatchRequest {
  readonly type: PatchType;
  readonly body: unknown;
  readonly subresource: 'status' | undefined;
  readonly force: boolean;
}
