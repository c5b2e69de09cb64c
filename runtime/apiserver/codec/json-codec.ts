/** Bodies and answers in JSON alone. */
import { checkDepth } from '../json-value.ts';
import { StatusError } from '../status-error.ts';
import { parseAccept, plainRendering, type Rendering } from '../table.ts';
import type { ServerWatchEvent } from '../watch.ts';
import type { AnswerForm, BodyCodec, EncodedBody } from './body-codec.ts';

const jsonTypes = new Set([
  '',
  'application/json',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  // JSON is YAML; a body in YAML's own syntax is refused.
  'application/apply-patch+yaml',
]);

export const jsonCodec: BodyCodec = {
  decode(bytes, contentType) {
    if (bytes.length === 0) return undefined;
    if (!jsonTypes.has(contentType)) throw StatusError.unsupportedMediaType(['application/json']);
    return parseJson(bytes);
  },
  negotiate({ accept, path, query }) {
    const isObjects = path.startsWith('/api/') || path.startsWith('/apis/');
    const rendering = isObjects ? parseAccept(accept, query['includeObject']) : plainRendering;
    if (!rendering) throw StatusError.notAcceptable('application/json');
    return makeJsonForm(rendering);
  },
};

/** @throws {StatusError} 400 for what is no JSON, or is nested too deeply. */
export function parseJson(bytes: Buffer): unknown {
  let body: unknown;
  try {
    body = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw StatusError.badRequest(`the body is not valid JSON: ${(error as Error).message}`);
  }
  checkDepth(body);
  return body;
}

export const makeJsonForm = (rendering: Rendering): AnswerForm => ({
  rendering,
  encode: encodeJson,
  watchType: 'application/json',
  encodeEvent: encodeJsonEvent,
});

export const encodeJson = (body: unknown, contentType = 'application/json'): EncodedBody => ({
  bytes: Buffer.from(`${JSON.stringify(body)}\n`),
  contentType,
});

/** The JSON of objects that watches deliver, so that a change is serialized once for all of them. */
const serialized = new WeakMap<object, string>();

export function encodeJsonEvent({ type, object }: ServerWatchEvent): string {
  return `{"type":"${type}","object":${stringifyOnce(object as object)}}\n`;
}

function stringifyOnce(object: object): string {
  let json = serialized.get(object);
  if (json === undefined) {
    json = JSON.stringify(object);
    if (Object.isFrozen(object)) serialized.set(object, json);
  }
  return json;
}
