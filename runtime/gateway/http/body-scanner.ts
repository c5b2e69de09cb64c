/**
 * Finds the end of a message body and checks chunked framing on the way. Bytes go to a sink as they
 * are, or decoded; trailers are dropped, which an intermediary may do (RFC 9110 section 6.5.1) and
 * which keeps them from carrying what was refused in the head. Source: RFC 9112 sections 6, 7.
 */
import { GatewayError } from '../gateway-error.ts';
import { isToken } from './head.ts';

/** Bytes of one chunk-size line with its extensions; nobody needs extensions, so they get little room. */
const CHUNK_LINE_BYTES_MAX = 256;
/** Bytes of all trailers together. */
const TRAILER_BYTES_MAX = 8 * 1024;
/** Hex digits of a chunk size: 2^44 bytes, far below where numbers lose precision. */
const CHUNK_SIZE_DIGITS_MAX = 11;

const CR = 0x0d;
const LF = 0x0a;
const COLON = 0x3a;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const lastLine = Buffer.from('\r\n', 'latin1');

export type BodySink = (part: Buffer) => void;

export type BodyFraming =
  | { readonly type: 'none' }
  | { readonly type: 'length'; readonly length: number }
  | { readonly type: 'chunked' }
  | { readonly type: 'until-close' };

type ChunkState =
  | 'size'
  | 'extension-start'
  | 'extension-name'
  | 'extension-value-start'
  | 'extension-value'
  | 'extension-quoted'
  | 'extension-escape'
  | 'extension-end'
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf'
  | 'trailer-start'
  | 'trailer-name'
  | 'trailer'
  | 'trailer-lf'
  | 'end-lf';

export class BodyScanner {
  /** Payload bytes seen, without framing. */
  payloadBytes = 0;
  isDone: boolean;
  private readonly isChunked: boolean;
  private readonly decode: boolean;
  private remaining: number;
  private state: ChunkState = 'size';
  private digits = 0;
  private lineBytes = 0;
  private trailerBytes = 0;

  /** `decode` sends the payload of chunks to the sink instead of the chunks. */
  constructor(framing: BodyFraming, options: { decode?: boolean } = {}) {
    this.isChunked = framing.type === 'chunked';
    this.decode = options.decode ?? false;
    this.remaining =
      framing.type === 'length' ? framing.length : framing.type === 'until-close' ? Infinity : 0;
    this.isDone = !this.isChunked && this.remaining === 0;
  }

  /** A chunked body of which whole chunks were seen: another could follow. */
  get isBetweenChunks(): boolean {
    return this.isChunked && this.state === 'size' && this.digits === 0;
  }

  /**
   * Takes body bytes from `bytes` at `from`; returns the index of the first byte that is not the
   * body's. The sink gets views of `bytes`.
   * @throws {GatewayError} bad-request at invalid chunked framing.
   */
  scan(bytes: Buffer, from: number, sink: BodySink): number {
    if (this.isDone) return from;
    if (this.isChunked) return this.scanChunks(bytes, from, sink);
    const end = Math.min(bytes.length, from + this.remaining);
    if (end > from) sink(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
    this.payloadBytes += end - from;
    this.remaining -= end - from;
    if (this.remaining === 0) this.isDone = true;
    return end;
  }

  private scanChunks(bytes: Buffer, from: number, sink: BodySink): number {
    let at = from;
    // Start of the bytes that were checked and not yet sent on as they are.
    let rawStart = from;
    const flush = (end: number): void => {
      if (!this.decode && end > rawStart) sink(bytes.subarray(rawStart, end));
    };
    while (at < bytes.length) {
      if (this.state === 'data') {
        const end = Math.min(bytes.length, at + this.remaining);
        if (this.decode) sink(bytes.subarray(at, end));
        this.payloadBytes += end - at;
        this.remaining -= end - at;
        at = end;
        if (this.remaining === 0) this.state = 'data-cr';
        continue;
      }
      const inTrailers = this.isInTrailers();
      this.step(bytes[at]!);
      at++;
      if (!inTrailers && this.isInTrailers()) flush(at);
      if (this.isDone) {
        if (!this.decode) sink(lastLine);
        return at;
      }
    }
    if (!this.isInTrailers()) flush(at);
    return at;
  }

  private isInTrailers(): boolean {
    return (
      this.state === 'trailer-start' ||
      this.state === 'trailer-name' ||
      this.state === 'trailer' ||
      this.state === 'trailer-lf' ||
      this.state === 'end-lf'
    );
  }

  /** One byte of framing. */
  private step(byte: number): void {
    switch (this.state) {
      case 'size':
        this.stepSize(byte);
        return;
      case 'extension-start':
      case 'extension-name':
      case 'extension-value-start':
      case 'extension-value':
      case 'extension-quoted':
      case 'extension-escape':
      case 'extension-end':
        this.state = stepExtension(this.state, byte);
        this.countLine();
        return;
      case 'size-lf':
        if (byte !== LF) throw bad('chunk size line does not end with CRLF');
        this.digits = 0;
        this.lineBytes = 0;
        this.state = this.remaining === 0 ? 'trailer-start' : 'data';
        return;
      case 'data-cr':
        if (byte !== CR) throw bad('chunk is longer than its size');
        this.state = 'data-lf';
        return;
      case 'data-lf':
        if (byte !== LF) throw bad('chunk does not end with CRLF');
        this.digits = 0;
        this.state = 'size';
        return;
      case 'trailer-start':
        if (byte === CR) this.state = 'end-lf';
        else if (isToken[byte] === 0) throw bad('malformed trailer');
        else this.state = 'trailer-name';
        this.countTrailer();
        return;
      case 'trailer-name':
        if (byte === COLON) this.state = 'trailer';
        else if (isToken[byte] === 0) throw bad('malformed trailer');
        this.countTrailer();
        return;
      case 'trailer':
        if (byte === CR) this.state = 'trailer-lf';
        else if (isControl(byte)) throw bad('malformed trailer');
        this.countTrailer();
        return;
      case 'trailer-lf':
        if (byte !== LF) throw bad('malformed trailer');
        this.state = 'trailer-start';
        return;
      case 'end-lf':
        if (byte !== LF) throw bad('malformed end of a chunked body');
        this.isDone = true;
        return;
    }
  }

  private stepSize(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.digits > CHUNK_SIZE_DIGITS_MAX) throw bad('chunk size is too large');
      this.remaining = (this.digits === 1 ? 0 : this.remaining * 16) + digit;
      return;
    }
    if (this.digits === 0) throw bad('malformed chunk size');
    if (byte === CR) this.state = 'size-lf';
    else if (byte === SEMICOLON) this.state = 'extension-start';
    else throw bad('malformed chunk size');
  }

  private countLine(): void {
    if (++this.lineBytes > CHUNK_LINE_BYTES_MAX) throw bad('chunk extension is too long');
  }

  private countTrailer(): void {
    if (++this.trailerBytes > TRAILER_BYTES_MAX) throw bad('trailers are too long');
  }
}

/** `;name`, `;name=token` or `;name="quoted"`, without the white space that RFC 9112 calls bad. */
function stepExtension(state: ChunkState, byte: number): ChunkState {
  switch (state) {
    case 'extension-quoted':
      if (byte === QUOTE) return 'extension-end';
      if (byte === BACKSLASH) return 'extension-escape';
      if (!isControl(byte)) return state;
      break;
    case 'extension-escape':
      if (!isControl(byte)) return 'extension-quoted';
      break;
    case 'extension-value-start':
      if (byte === QUOTE) return 'extension-quoted';
      if (isToken[byte] === 1) return 'extension-value';
      break;
    default:
      if (isToken[byte] === 1 && state !== 'extension-end')
        return state === 'extension-start' ? 'extension-name' : state;
      if (state === 'extension-start') break;
      if (byte === CR) return 'size-lf';
      if (byte === SEMICOLON) return 'extension-start';
      if (byte === EQUALS && state === 'extension-name') return 'extension-value-start';
  }
  throw bad('malformed chunk extension');
}

const isControl = (byte: number): boolean => (byte < 0x20 && byte !== 0x09) || byte === 0x7f;

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

const bad = (message: string): GatewayError => new GatewayError('bad-request', message);
