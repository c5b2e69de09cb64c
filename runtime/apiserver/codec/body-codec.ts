/**
 * The seam between bytes and values: what the listener asks to read a request's body and to write
 * its answer. Media types, framing and rendering are decided behind it; sockets are not.
 */
import type { Rendering } from '../table.ts';
import type { ServerWatchEvent } from '../watch.ts';

/** What decides about the form of an answer. */
export interface FormRequest {
  readonly accept: string | undefined;
  /** Who asks: people read with tools that have a name. */
  readonly userAgent: string | undefined;
  /** Without query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

export interface EncodedBody {
  readonly bytes: Buffer;
  readonly contentType: string;
}

/** The form that one request's answer takes. */
export interface AnswerForm {
  readonly rendering: Rendering;
  /** A whole answer. `contentType` overrides the JSON type of answers that have one of their own. */
  encode(body: unknown, contentType: string | undefined): EncodedBody;
  /** Content type of a watch. */
  readonly watchType: string;
  /**
   * One event of a watch, framed. Frozen objects are encoded once for all watches of one form, so
   * that a change costs each further watcher a copy.
   */
  encodeEvent(event: ServerWatchEvent): Buffer;
}

/** What a request's body holds. */
export interface DecodedBody {
  /** Undefined for an empty body. */
  readonly value: unknown;
  /** As given, or `application/json` for an encoding of an object that the handler need not know. */
  readonly contentType: string;
  /** What the parser found and got over, such as duplicate keys; in the words of strict decoding. */
  readonly problems: readonly string[];
  /** The bytes are no JSON: `value` is undefined, and the handler knows how to refuse that. */
  readonly unreadable?: UnreadableBody;
}

export interface UnreadableBody {
  /** In the words of Go's parser. */
  readonly problem: string;
  readonly text: string;
}

export interface BodyCodec {
  /**
   * `contentType` is in lower case and without parameters.
   * @throws {StatusError} 400 for bytes that cannot be read and are not meant as JSON, 415 for a type.
   */
  decode(bytes: Buffer, contentType: string): DecodedBody;
  /** @throws {StatusError} 406 when nothing that the client accepts can be made. */
  negotiate(request: FormRequest): AnswerForm;
}
