/** Bodies and answers in JSON. */
import { checkDepth } from '../json-value.ts';
import type { Rendering } from '../table.ts';
import type { ServerWatchEvent } from '../watch.ts';
import { RecentEncodings } from './recent-encodings.ts';
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

/** Half of the bytes that recent changes may hold in memory. */
const RECENT_BYTES_MAX = 8 * 1024 * 1024;
const recent = new RecentEncodings(RECENT_BYTES_MAX);

const encodeJsonEvent = ({ type, object }: ServerWatchEvent): Buffer =>
  recent.of(object as object, type, () =>
    Buffer.from(`{"type":"${type}","object":${JSON.stringify(object)}}\n`),
  );
