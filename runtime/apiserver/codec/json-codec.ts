/** Bodies and answers in JSON. */
import { checkDepth } from '../json-value.ts';
import type { Rendering } from '../table.ts';
import type { ServerWatchEvent } from '../watch.ts';
import type { AnswerForm, DecodedBody, EncodedBody } from './body-codec.ts';
import { jsonSyntaxError } from './json-syntax-error.ts';

/** @throws {StatusError} 400 for what is nested too deeply. */
export function parseJson(text: string): Pick<DecodedBody, 'value' | 'unreadable'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { value: undefined, unreadable: { problem: jsonSyntaxError(text), text } };
  }
  checkDepth(value);
  return { value };
}

/** @param isPretty indented, for people. */
export const makeJsonForm = (rendering: Rendering, isPretty = false): AnswerForm => ({
  rendering,
  encode: isPretty ? encodePrettyJson : encodeJson,
  watchType: 'application/json',
  encodeEvent: encodeJsonEvent,
});

export const encodeJson = (body: unknown, contentType = 'application/json'): EncodedBody => ({
  bytes: Buffer.from(`${JSON.stringify(body)}\n`),
  contentType,
});

const encodePrettyJson = (body: unknown, contentType = 'application/json'): EncodedBody => ({
  bytes: Buffer.from(`${JSON.stringify(body, undefined, 2)}\n`),
  contentType,
});

export function encodeJsonEvent({ type, object }: ServerWatchEvent): string {
  return `{"type":"${type}","object":${recentTexts.of(object as object)}}\n`;
}

/** What the texts of recent changes may hold in memory: half of them younger than this. */
const TEXTS_LENGTH_MAX = 8 * 1024 * 1024;

/**
 * The JSON of objects that watches deliver, so that a change is serialized once for all of them.
 * Two generations: the older one is dropped when the younger is full, so that a stored object does
 * not keep its text for life.
 */
const recentTexts = {
  young: new WeakMap<object, string>(),
  old: new WeakMap<object, string>(),
  length: 0,
  of(object: object): string {
    const known = this.young.get(object);
    if (known !== undefined) return known;
    const text = this.old.get(object) ?? JSON.stringify(object);
    if (!Object.isFrozen(object)) return text;
    this.length += text.length;
    if (this.length > TEXTS_LENGTH_MAX) {
      this.old = this.young;
      this.young = new WeakMap();
      this.length = text.length;
    }
    this.young.set(object, text);
    return text;
  },
};
