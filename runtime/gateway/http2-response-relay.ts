/**
 * One response on its way to an HTTP/2 client: the payload of the pod's body as DATA frames, and the
 * trailers of a pod that speaks HTTP/2 too. Source: RFC 9113 section 8.1.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { BodyScanner } from './http/body-scanner.ts';
import type { ResponseHead } from './http/head.ts';
import type { FieldPair } from './http/http2-fields.ts';
import { headersObject, responseFields } from './http/http2-fields.ts';
import { framingOf } from './http1-response-relay.ts';
import type { ResponseOptions, ResponseRelay } from './request-sink.ts';

export class Http2ResponseRelay implements ResponseRelay {
  readonly isUntilClose: boolean;
  isReusable: boolean;
  private readonly scanner: BodyScanner;
  private readonly stream: ServerHttp2Stream;
  private readonly isHeadOnly: boolean;
  private readonly hasLength: boolean;
  private isFree = true;
  private trailers: readonly FieldPair[] = [];

  constructor(stream: ServerHttp2Stream, head: ResponseHead, options: ResponseOptions) {
    const { request, changes } = options;
    const framing = framingOf(request.method, head);
    this.isUntilClose = framing.type === 'until-close';
    this.isReusable = head.keepAlive && !this.isUntilClose;
    this.scanner = new BodyScanner(framing, { decode: true });
    this.stream = stream;
    this.hasLength = framing.type === 'length';
    const isDone = this.scanner.isDone;
    this.isHeadOnly = options.isHeadOnly || isDone;
    const headers = headersObject({ ':status': head.status }, responseFields(head, changes));
    if (this.isHeadOnly) {
      stream.respond(headers, { endStream: true });
      return;
    }
    stream.respond(headers, { waitForTrailers: true });
    // Without trailers this is an empty DATA frame that ends the stream.
    stream.once('wantTrailers', () => stream.sendTrailers(headersObject({}, this.trailers)));
  }

  get isDone(): boolean {
    return this.scanner.isDone;
  }

  get payloadBytes(): number {
    return this.scanner.payloadBytes;
  }

  forward(bytes: Buffer, from: number): boolean {
    this.isFree = true;
    const end = this.scanner.scan(bytes, from, this.write);
    if (end < bytes.length) this.isReusable = false;
    return this.isFree;
  }

  endEarly(text: string): boolean {
    if (this.isHeadOnly || this.hasLength) return false;
    this.stream.end(text, 'latin1');
    return true;
  }

  end(trailers: readonly FieldPair[] = []): void {
    this.trailers = trailers.filter(([name]) => !name.startsWith(':'));
    if (!this.isHeadOnly) this.stream.end();
  }

  private readonly write = (part: Buffer): void => {
    if (!this.isHeadOnly && part.length > 0) this.isFree = this.stream.write(Buffer.from(part));
  };
}
