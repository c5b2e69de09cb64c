/**
 * An exchange with a pod that speaks HTTP/2: one stream, bodies and trailers passed on as they come.
 * gRPC needs nothing more than that. Source: RFC 9113 sections 8.1 (messages), 8.7 (which requests
 * may be sent again), gRPC over HTTP/2.
 */
import http2 from 'node:http2';
import { ATTEMPTS_MAX, Exchange, upstreamFailed } from './exchange.ts';
import { GatewayError } from './gateway-error.ts';
import { parseRequestHead } from './http/head.ts';
import type { FieldPair, RawFields } from './http/http2-fields.ts';
import { headersObject, pairsOf, responseHeadOf } from './http/http2-fields.ts';
import { isHopByHop, requestHeadFor } from './http/rewrite.ts';
import type { PodTarget } from './pod-target.ts';

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;

export class Http2Exchange extends Exchange {
  readonly wantsPayload = true;
  private stream: http2.ClientHttp2Stream | undefined;
  private trailers: readonly FieldPair[] = [];
  private isBodySent = false;

  onBodyEnd(): void {
    this.isBodyEnded = true;
    // Before the stream is ready the body waits here, and its end with it.
    if (this.phase === 'sent' || this.phase === 'responding') this.stream?.end();
  }

  onClientDrain(): void {
    this.stream?.resume();
  }

  protected use(pod: PodTarget): void {
    this.startConnecting();
    const endStream = this.isBodyEnded && this.pending.length === 0;
    let stream: http2.ClientHttp2Stream;
    try {
      stream = pod.overHttp2().request(this.headers(), { endStream });
    } catch (error) {
      this.fail(upstreamFailed(error instanceof Error ? error.message : String(error)));
      return;
    }
    this.stream = stream;
    stream.on('error', () => undefined);
    stream.once('ready', () => this.guard(stream, () => this.onReady(stream, endStream)));
    if (!stream.pending)
      process.nextTick(() => this.guard(stream, () => this.onReady(stream, endStream)));
    stream.on('headers', (_headers, _flags, raw?: string[]) =>
      this.guard(stream, () => this.onInterim(raw ?? [])),
    );
    stream.once('response', (_headers, flags, raw?: string[]) =>
      this.guard(stream, () => this.onResponse(raw ?? [], flags)),
    );
    stream.once('trailers', (_headers, _flags, raw?: string[]) =>
      this.guard(stream, () => {
        this.trailers = pairsOf(raw ?? []);
      }),
    );
    stream.on('data', (bytes: Buffer) => this.guard(stream, () => this.onData(bytes)));
    stream.once('end', () => this.guard(stream, () => this.onEnd()));
    stream.on('drain', () => this.guard(stream, () => this.options.client.resumeBody()));
    stream.once('close', () => this.guard(stream, () => this.onClose(stream.rstCode)));
  }

  protected sendBody(part: Buffer): void {
    this.isBodySent = true;
    if (this.stream && !this.stream.write(part)) this.options.client.pauseBody();
  }

  protected dropUpstream(): void {
    const { stream } = this;
    this.stream = undefined;
    if (!stream || stream.closed) return;
    stream.close(NGHTTP2_CANCEL);
  }

  /** Runs an event of the stream unless the exchange has gone on without it. */
  private guard(stream: http2.ClientHttp2Stream, run: () => void): void {
    if (this.stream !== stream || this.phase === 'done') return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      this.fail(upstreamFailed(`invalid response: ${error.message}`));
    }
  }

  /** The stream has its number: the pod is reached. */
  private onReady(stream: http2.ClientHttp2Stream, isEnded: boolean): void {
    if (this.phase !== 'connecting') return;
    this.phase = 'sent';
    this.pod!.failures = 0;
    const { pending } = this;
    this.pending = [];
    this.pendingBytes = 0;
    for (const part of pending) this.sendBody(part);
    if (this.isBodyEnded && !isEnded) stream.end();
    if (!stream.writableNeedDrain) this.options.client.resumeBody();
  }

  private onInterim(raw: RawFields): void {
    const head = responseHeadOf(raw);
    if (head.status === 100 && !this.options.head.expectsContinue) return;
    if (this.options.head.minor === 1) this.options.client.sendInterim(head);
  }

  private onResponse(raw: RawFields, flags: number): void {
    const { head: request, responseChanges, client } = this.options;
    const head = responseHeadOf(raw);
    this.lastByteMs = this.options.shared.clock.now();
    this.phase = 'responding';
    this.hasPodSpoken = true;
    this.status = head.status;
    this.relay = client.beginResponse(head, {
      request,
      changes: responseChanges,
      mustClose: this.mustClose,
      isHeadOnly: (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0,
    });
    // The first bytes may be long in coming, and the client waits for the head.
    this.relay.forward(noBytes, 0);
  }

  private onData(bytes: Buffer): void {
    this.lastByteMs = this.options.shared.clock.now();
    const { relay } = this;
    if (!relay) return;
    if (!relay.forward(bytes, 0)) this.stream?.pause();
  }

  private onEnd(): void {
    const { relay } = this;
    if (!relay) return;
    if (!relay.isUntilClose && !relay.isDone) {
      this.fail(upstreamFailed('body is shorter than announced'));
      return;
    }
    // Trailers come in the same turn as the end, after it or before.
    setImmediate(() => {
      if (this.phase === 'done') return;
      relay.end(this.trailers);
      this.finish(true);
    });
  }

  private onClose(code: number): void {
    if (this.phase === 'connecting') this.onUnreachable('connection refused');
    else if (code === NGHTTP2_REFUSED_STREAM && this.mayRepeat()) this.startAnew();
    else if (this.phase === 'sent' || code !== NGHTTP2_NO_ERROR)
      this.fail(upstreamFailed(`stream closed with code ${code}`));
  }

  /** A refused stream was not processed; it can be sent again while its body is still here. */
  private mayRepeat(): boolean {
    return this.phase === 'sent' && !this.isBodySent && this.attempts < ATTEMPTS_MAX;
  }

  /** Rewritten as for HTTP/1.1, and then put into fields: one set of rules for both. */
  private headers(): http2.OutgoingHttpHeaders {
    const { options } = this;
    const { client } = options;
    const text = requestHeadFor(options.head, {
      target: options.target,
      host: options.host,
      clientAddress: client.remoteAddress,
      scheme: client.scheme,
      isExternal: client.isExternal,
      changes: options.changes,
      requestId: options.shared.requestId,
    });
    const bytes = Buffer.from(text, 'latin1');
    const head = parseRequestHead(bytes, 0, bytes.length);
    const fields: FieldPair[] = [];
    head.names.forEach((name, index) => {
      if (name !== 'host' && !isHopByHop(name)) fields.push([name, head.values[index]!]);
    });
    // gRPC servers refuse clients that do not take trailers.
    if (options.head.names.includes('te')) fields.push(['te', 'trailers']);
    return headersObject(
      {
        ':method': head.method,
        ':path': head.target,
        ':scheme': 'http',
        ':authority': head.authority,
      },
      fields,
    );
  }
}

const noBytes: Buffer = Buffer.alloc(0);
