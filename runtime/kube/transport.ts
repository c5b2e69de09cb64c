/**
 * How a client reaches an API server. Two implementations: HTTP (http-transport.ts) and, in the
 * process that runs Knit's own API server, a direct call into it. Everything above is the same.
 */

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path with leading slash, without query, e.g. `/apis/serving.knative.dev/v1/namespaces/a/services`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Parsed JSON; the transport serializes it where it must. */
  readonly body?: unknown;
  /** @default application/json */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export interface KubeResponse {
  readonly status: number;
  /** Parsed JSON; a `Status` object on errors. Shared in process: never change it. */
  readonly body: unknown;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  /** The object; a `Status` for ERROR. */
  readonly object: unknown;
}

/** Called for each event of a watch, in order; must not throw. */
export type WatchHandler = (event: WatchEvent) => void;

export interface KubeTransport {
  /** Resolves for every HTTP status. @throws {ApiUnreachable} when no answer could be had. */
  request(request: KubeRequest): Promise<KubeResponse>;
  /**
   * Opens a watch (`watch=true` is added to the query). Resolves when the stream ends, in either
   * way a server may end it. In process, events are delivered synchronously from the write.
   * @throws {ApiUnreachable} when it breaks, `ApiError` when the server refuses it.
   */
  watch(request: Omit<KubeRequest, 'method' | 'body'>, onEvent: WatchHandler): Promise<void>;
  /** A response that is not JSON and may never end, such as `pods/log?follow=true`. */
  stream(
    request: Omit<KubeRequest, 'method' | 'body'>,
  ): Promise<{ status: number; body: AsyncIterable<Uint8Array> }>;
  close(): Promise<void>;
}
