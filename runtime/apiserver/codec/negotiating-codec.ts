/**
 * The codec of the listeners: JSON, YAML and, for built-in kinds, protobuf, in both directions. Of
 * what a client accepts the first that can be made is taken. Protobuf and YAML bodies reach the
 * handler as the JSON that they stand for.
 */
import { findKindSchema } from '../../apis/schema/type-table.ts';
import type { JsonObject } from '../json-value.ts';
import {
  decodeProtobuf,
  encodeProtobuf,
  frameWatchEvent,
  PROTOBUF_TYPE,
} from '../protobuf/envelope.ts';
import { DecodeError, decodeObject } from '../schema/decode-value.ts';
import { StatusError } from '../status-error.ts';
import { parseAccept, plainRendering, type Rendering } from '../table.ts';
import type { ServerWatchEvent } from '../watch.ts';
import type { AnswerForm, BodyCodec, DecodedBody, EncodedBody } from './body-codec.ts';
import { findDuplicateKeys } from './duplicate-keys.ts';
import { encodeJson, makeJsonForm, parseJson } from './json-codec.ts';
import { encodeYaml, parseYaml, YAML_TYPE } from './yaml-codec.ts';

const JSON_TYPE = 'application/json';
const jsonTypes = new Set([
  '',
  JSON_TYPE,
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
]);
/** Any YAML, which any JSON is. */
const APPLY_TYPE = 'application/apply-patch+yaml';
/** Clauses of an Accept header that are looked at: nobody names more forms than there are. */
const CLAUSES_MAX = 32;
const supported = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];

/** @param hasMessages whether the objects at a path are of a built-in kind. */
export const makeNegotiatingCodec = (hasMessages: (path: string) => boolean): BodyCodec => ({
  decode(bytes, contentType): DecodedBody {
    const problems: string[] = [];
    if (bytes.length === 0) return { value: undefined, contentType, problems };
    if (contentType === PROTOBUF_TYPE)
      return { value: readProtobuf(bytes), contentType: JSON_TYPE, problems };
    if (contentType === YAML_TYPE)
      return { value: parseYaml(bytes, problems), contentType: JSON_TYPE, problems };
    if (jsonTypes.has(contentType) || (contentType === APPLY_TYPE && looksLikeJson(bytes))) {
      const value = parseJson(bytes);
      for (const path of findDuplicateKeys(bytes.toString('utf8'), value))
        problems.push(`duplicate field ${JSON.stringify(path)}`);
      return { value, contentType, problems };
    }
    if (contentType === APPLY_TYPE)
      return { value: parseYaml(bytes, problems), contentType, problems };
    throw StatusError.unsupportedMediaType(supported);
  },

  negotiate({ accept, path, query }) {
    const isObjects = path.startsWith('/api/') || path.startsWith('/apis/');
    if (!isObjects) return makeJsonForm(plainRendering);
    if (!accept) return makeJsonForm(plainRendering);
    const isWatch = query['watch'] === 'true' || query['watch'] === '1';
    const include = query['includeObject'];
    for (const clause of byQuality(accept)) {
      const { type, asJson } = clause;
      const rendering = parseAccept(asJson, include);
      if (!rendering) continue;
      if (type === PROTOBUF_TYPE) {
        if (rendering.as === 'table' || !(rendering.as === 'metadata' || hasMessages(path)))
          continue;
        return makeProtobufForm(rendering);
      }
      if (type !== YAML_TYPE) return makeJsonForm(rendering);
      if (!isWatch) return makeYamlForm(rendering);
    }
    throw StatusError.notAcceptable(supported.join(', '));
  },
});

/** The clauses with the best first, each with the JSON clause that has the same parameters. */
function byQuality(accept: string): { type: string; asJson: string; quality: number }[] {
  return accept
    .split(',')
    .slice(0, CLAUSES_MAX)
    .map((clause) => {
      const [head = '', ...parameters] = clause.split(';');
      const type = head.trim().toLowerCase();
      const isOther = type === PROTOBUF_TYPE || type === YAML_TYPE;
      const quality = Number(/;\s*q=([\d.]+)/.exec(clause)?.[1] ?? 1);
      return { type, asJson: [isOther ? JSON_TYPE : head, ...parameters].join(';'), quality };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

const looksLikeJson = (bytes: Buffer): boolean => /^\s*[{[]/.test(bytes.toString('latin1', 0, 64));

function readProtobuf(bytes: Buffer): JsonObject {
  try {
    const body = decodeProtobuf(bytes);
    const schema = findKindSchema(String(body['apiVersion']), String(body['kind']));
    return schema ? decodeObject(schema, body, []) : body;
  } catch (error) {
    if (error instanceof DecodeError || error instanceof Error)
      throw StatusError.badRequest(`the body is not valid protobuf: ${error.message}`);
    throw error;
  }
}

const makeYamlForm = (rendering: Rendering): AnswerForm => ({
  ...makeJsonForm(rendering),
  encode: (body, contentType) =>
    contentType === undefined ? encodeYaml(body) : encodeJson(body, contentType),
});

const makeProtobufForm = (rendering: Rendering): AnswerForm => ({
  rendering,
  encode(body, contentType): EncodedBody {
    const bytes = contentType === undefined ? encodeProtobuf(body) : undefined;
    // What has no message is JSON: clients decide by the content type.
    return bytes ? { bytes, contentType: PROTOBUF_TYPE } : encodeJson(body, contentType);
  },
  watchType: `${PROTOBUF_TYPE};stream=watch`,
  encodeEvent: encodeProtobufEvent,
});

function encodeProtobufEvent({ type, object }: ServerWatchEvent): Buffer {
  const body = messageOf(object as object);
  if (body) return frameWatchEvent(type, body);
  const { status } = StatusError.internal('the object does not fit into its protobuf message');
  return frameWatchEvent('ERROR', encodeProtobuf(status) ?? Buffer.alloc(0));
}

/** What the messages of recent changes may hold in memory: half of them younger than this. */
const MESSAGES_BYTES_MAX = 8 * 1024 * 1024;
let young = new WeakMap<object, Buffer>();
let old = new WeakMap<object, Buffer>();
let youngBytes = 0;

/** Encoded once for all watches, and forgotten in two generations, as the texts of json-codec.ts. */
function messageOf(object: object): Buffer | undefined {
  const known = young.get(object);
  if (known) return known;
  const message = old.get(object) ?? encodeProtobuf(object);
  if (!message || !Object.isFrozen(object)) return message;
  youngBytes += message.length;
  if (youngBytes > MESSAGES_BYTES_MAX) {
    old = young;
    young = new WeakMap();
    youngBytes = message.length;
  }
  young.set(object, message);
  return message;
}
