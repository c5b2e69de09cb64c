/** What a request is answered with, and who may answer in the handler's place. */
import type { ApiRequest } from './api-request.ts';
import type { Resource } from './kind-registry.ts';
import type { MaybePromise } from './maybe-promise.ts';
import type { ObjectRef } from './write-context.ts';
import type { ServerWatchEvent } from './watch.ts';

/** Exactly one kind of answer. A `watch` or a `log` starts when its function is called. */
export type ApiResponse =
  | {
      readonly type: 'json';
      readonly code: number;
      readonly body: unknown;
      /** The answer must wait for it, and is a 500 when it rejects. */
      readonly durable?: Promise<void> | undefined;
      /** Overrides `application/json`. */
      readonly contentType?: string;
      /** A document that clients keep, and ask for again by its tag. @default false */
      readonly isTagged?: boolean;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'text';
      readonly code: number;
      readonly body: string;
      /** Empty for an answer without one. @default text/plain */
      readonly contentType?: string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: 'watch';
      readonly timeoutSeconds: number | undefined;
      /** Returns how to end it; calls `end` when the server has to. @throws {StatusError} before the first event only. */
      readonly open: (onEvent: (event: ServerWatchEvent) => void, end: () => void) => () => void;
    }
  | {
      readonly type: 'log';
      /** The signal aborts when nobody reads any longer. */
      readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
    };

/** Answers one subresource, whatever the method. @throws {StatusError} 405 for a method it has not. */
export type SubresourceHandler = (
  request: ApiRequest,
  target: SubresourceTarget,
) => MaybePromise<ApiResponse>;

/** Answers a create of a virtual kind. @param namespace empty for one without. @throws {StatusError} */
export type QuestionHandler = (
  request: ApiRequest,
  resource: Resource,
  namespace: string,
) => MaybePromise<ApiResponse>;

export interface SubresourceTarget {
  readonly resource: Resource;
  readonly ref: ObjectRef;
  readonly subresource: string;
}
