/**
 * One view of the requests and answers of node:http and node:http2, which differ where a stream
 * ends. Deliberately small: what the listener uses and nothing else.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

export type HttpRequest = IncomingMessage | Http2ServerRequest;
/** `stream` is there over HTTP/2 only. */
export type HttpResponse = ServerResponse & { readonly stream?: Http2ServerResponse['stream'] };

/** Nobody reads this answer any longer. An answer of node:http2 has no `destroyed` of its own. */
export const isClosed = (response: HttpResponse): boolean =>
  response.stream === undefined ? response.destroyed : response.stream.destroyed;
