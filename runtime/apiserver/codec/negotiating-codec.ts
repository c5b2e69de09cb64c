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
import {
  encodeSwagger,
  SWAGGER_PROTOBUF_TYPE,
  swaggerProtobufTypes,
} from '../openapi/swagger-protobuf.ts';
import { DecodeError, decodeObject } from '../schema/decode-value.ts';
import { StatusError } from '../status-error.ts';
import { isTrue } from '../query-flag.ts';
import { plainRendering, type Rendering } from '../table.ts';
import type { ServerWatchEvent } from '../watch.ts';
import { matchesType, parseAccept, renderingOf } from './accept-header.ts';
import type { AnswerForm, BodyCodec, DecodedBody, EncodedBody } from './body-codec.ts';
import { findDuplicateKeys } from './duplicate-keys.ts';
import { encodeJson, makeJsonForm, parseJson } from './json-codec.ts';
import { RecentEncodings } from './recent-encodings.ts';
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
const supported = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE] as const;
const isSupported = (type: string): boolean => (supported as readonly string[]).includes(type);

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
      const text = bytes.toString('utf8');
      const parsed = parseJson(text);
      if (!parsed.unreadable)
        for (const path of findDuplicateKeys(text, parsed.value))
          problems.push(`duplicate field ${JSON.stringify(path)}`);
      return { ...parsed, contentType, problems };
    }
    if (contentType === APPLY_TYPE)
      return { value: parseYaml(bytes, problems), contentType, problems };
    throw StatusError.unsupportedMediaType(supported);
  },

  negotiate({ accept, userAgent, path, query }) {
    const isObjects = path.startsWith('/api/') || path.startsWith('/apis/');
    if (path === '/openapi/v2' && asksForSwaggerProtobuf(accept)) return swaggerProtobufForm;
    const isPretty = wantsPretty(query['pretty'], userAgent) || path === '/version';
    if (!isObjects || !accept) return makeJsonForm(plainRendering, isPretty);
    const clauses = parseAccept(accept);
    // As upstream, whose web framework looks for the type before anything reads its parameters.
    if (!clauses.some(({ type }) => type === '*/*' || isSupported(type)))
      throw StatusError.noAcceptableType(supported);
    const isWatch = isTrue(query['watch']);
    for (const clause of clauses)
      for (const type of supported) {
        if (!matchesType(clause, type)) continue;
        const form = renderingOf(clause);
        if (!form || (type === YAML_TYPE && isWatch)) continue;
        if (type === PROTOBUF_TYPE && !fitsProtobuf(form, path, hasMessages)) continue;
        return formMakers[type](withObjects(form, query), isPretty);
      }
    throw StatusError.notAcceptable(supported);
  },
});

/** A table's cells have no message, nor have the objects of a CustomResourceDefinition. */
const fitsProtobuf = (
  { as }: FormRendering,
  path: string,
  hasMessages: (path: string) => boolean,
): boolean => as !== 'table' && (as !== 'object' || hasMessages(path));

/** The programs by which people look at an API. */
const readByPeople = /^(?:curl|Wget|Mozilla\/5\.0)/;

const wantsPretty = (pretty: string | undefined, userAgent = ''): boolean =>
  pretty ? /^(?:1|t|true)$/i.test(pretty) : readByPeople.test(userAgent);

type FormRendering = Pick<Rendering, 'as' | 'version'>;

/** @throws {StatusError} 400 for an `includeObject` that is none. */
function withObjects(form: FormRendering, query: Readonly<Record<string, string>>): Rendering {
  if (form.as === 'object') return plainRendering;
  const include = query['includeObject'] || 'Metadata';
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object') {
    if (form.as !== 'table') return { ...form, includeObject: 'Metadata' };
    throw StatusError.badRequest(
      `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(include)}: must be 'Metadata', 'Object', 'None', or empty`,
    );
  }
  return { ...form, includeObject: include };
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

const asksForSwaggerProtobuf = (accept = ''): boolean =>
  parseAccept(accept).some(({ type }) => swaggerProtobufTypes.includes(type));

const swaggerProtobufForm: AnswerForm = {
  ...makeJsonForm(plainRendering),
  encode: (body, contentType) =>
    contentType === undefined && isSwagger(body)
      ? { bytes: encodeSwagger(body), contentType: SWAGGER_PROTOBUF_TYPE }
      : encodeJson(body, contentType),
};

const isSwagger = (body: unknown): boolean =>
  typeof body === 'object' && body !== null && 'swagger' in body;

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

const formMakers = {
  [JSON_TYPE]: makeJsonForm,
  [YAML_TYPE]: makeYamlForm,
  [PROTOBUF_TYPE]: makeProtobufForm,
} as const;

/** Half of the bytes that recent changes may hold in memory. */
const RECENT_BYTES_MAX = 8 * 1024 * 1024;
const recent = new RecentEncodings(RECENT_BYTES_MAX);

const encodeProtobufEvent = ({ type, object }: ServerWatchEvent): Buffer =>
  recent.of(object as object, type, () => {
    const body = encodeProtobuf(object);
    if (body) return frameWatchEvent(type, body);
    const { status } = StatusError.internal('the object does not fit into its protobuf message');
    return frameWatchEvent('ERROR', encodeProtobuf(status) ?? Buffer.alloc(0));
  });
