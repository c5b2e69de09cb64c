/** Writes whole answers: headers, compression, length. */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { AnswerForm, EncodedBody } from '../codec/body-codec.ts';
import type { Status } from '../status-error.ts';
import { isClosed, type HttpResponse } from './http-streams.ts';

/** As upstream: below this, compressing takes longer than sending. */
const GZIP_BYTES_MIN = 128 * 1024;

const compress = promisify(gzip);

/** Sends an answer unless one was sent or nobody waits for it. */
export async function sendAnswer(
  response: HttpResponse,
  code: number,
  encoded: EncodedBody,
  options: {
    readonly acceptEncoding: string | undefined;
    /** Given for an answer that has a tag: what the client has already. */
    readonly ifNoneMatch?: string | undefined;
  },
): Promise<void> {
  const { contentType } = encoded;
  let { bytes } = encoded;
  if (response.headersSent || isClosed(response)) return;
  if (options.ifNoneMatch !== undefined) {
    const tag = `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"`;
    response.setHeader('ETag', tag);
    if (options.ifNoneMatch.includes(tag)) {
      response.writeHead(304);
      response.end();
      return;
    }
  }
  if (bytes.length > GZIP_BYTES_MIN && acceptsGzip(options.acceptEncoding)) {
    bytes = await compress(bytes, { level: constants.Z_BEST_SPEED });
    if (response.headersSent || isClosed(response)) return;
    response.setHeader('Content-Encoding', 'gzip');
    response.setHeader('Vary', 'Accept-Encoding');
  }
  response.writeHead(code, {
    ...(contentType === '' ? {} : { 'Content-Type': contentType }),
    'Content-Length': bytes.length,
  });
  response.end(bytes);
}

/** Sends a refusal in the form that the client asked for. */
export function sendStatus(response: HttpResponse, status: Status, form: AnswerForm): void {
  if (response.headersSent || isClosed(response)) return;
  const { bytes, contentType } = form.encode(status, undefined);
  const headers: Record<string, string | number> = {
    'Content-Type': contentType,
    'Content-Length': bytes.length,
  };
  const { code, details } = status;
  // What is left of a refused or late body is not worth reading. HTTP/2 has no such header.
  if ((code === 413 || code === 504) && response.stream === undefined)
    headers['Connection'] = 'close';
  if (code === 401) headers['WWW-Authenticate'] = 'Bearer';
  if (details?.retryAfterSeconds) headers['Retry-After'] = details.retryAfterSeconds;
  response.writeHead(code, headers);
  response.end(bytes);
}

/** `gzip;q=0` refuses it. */
const acceptsGzip = (acceptEncoding = ''): boolean =>
  acceptEncoding
    .split(',')
    .some((part) => /^\s*(?:x-)?gzip\s*(?:;|$)/i.test(part) && !/;\s*q=0(?:\.0*)?\s*$/.test(part));
