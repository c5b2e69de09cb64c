/**
 * The document of `/openapi/v2` as the protobuf message in which client-go's discovery, and with it
 * kubectl before 1.27, asks for it; those clients cannot read JSON. Covers what the document of
 * openapi-documents.ts and structural schemas can hold; what has no field in the message is left out.
 * Source: github.com/google/gnostic-models openapiv2/OpenAPIv2.proto (field numbers).
 */
import protobuf, { type Writer as ProtobufWriter } from 'protobufjs/minimal.js';
import { isJsonObject } from '../json-value.ts';

const { Writer } = protobuf;

/** As clients ask for it; the first spelling is what is answered, the second is what older ones send. */
export const SWAGGER_PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
export const swaggerProtobufTypes = [
  SWAGGER_PROTOBUF_TYPE,
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
];

/** Writes one field with its number; values of another type than the field's are left out. */
type WriteField = (writer: ProtobufWriter, number: number, value: unknown) => void;

interface Message {
  readonly fields: Readonly<Record<string, readonly [number, WriteField]>>;
  /** The field of `x-` keys. */
  readonly extension?: number;
}

const WIRE_VARINT = 0;
const WIRE_DOUBLE = 1;
const WIRE_BYTES = 2;

const text: WriteField = (writer, number, value) => {
  if (typeof value === 'string') writer.uint32((number << 3) | WIRE_BYTES).string(value);
};
const flag: WriteField = (writer, number, value) => {
  if (typeof value === 'boolean') writer.uint32((number << 3) | WIRE_VARINT).bool(value);
};
const integer: WriteField = (writer, number, value) => {
  if (Number.isSafeInteger(value))
    writer.uint32((number << 3) | WIRE_VARINT).int64(value as number);
};
const double: WriteField = (writer, number, value) => {
  if (typeof value === 'number') writer.uint32((number << 3) | WIRE_DOUBLE).double(value);
};
const nested = (write: (writer: ProtobufWriter, value: unknown) => void): WriteField => {
  return (writer, number, value) => {
    writer.uint32((number << 3) | WIRE_BYTES).fork();
    write(writer, value);
    writer.ldelim();
  };
};
const repeated = (write: WriteField): WriteField => {
  return (writer, number, value) => {
    if (Array.isArray(value)) for (const item of value) write(writer, number, item);
  };
};
/** `Any`: the value as YAML, which JSON is. */
const any = nested((writer, value) => text(writer, 2, JSON.stringify(value)));
/** A message by its description, which is a function because schemas hold schemas. */
const message = (describe: () => Message): WriteField =>
  nested((writer, value) => writeMessage(writer, value, describe()));
/** A message whose only field, 1, wraps the value. */
const wrapped = (write: WriteField): WriteField =>
  nested((writer, value) => write(writer, 1, value));
/** A map: entries of name and value. */
const named = (write: WriteField): WriteField => {
  const entry = nested((writer, value) => {
    const [name, held] = value as [string, unknown];
    text(writer, 1, name);
    write(writer, 2, held);
  });
  return (writer, number, value) => {
    if (isJsonObject(value)) for (const pair of Object.entries(value)) entry(writer, number, pair);
  };
};

const schema = message(() => schemaMessage);

const schemaMessage: Message = {
  fields: {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    default: [5, any],
    multipleOf: [6, double],
    maximum: [7, double],
    exclusiveMaximum: [8, flag],
    minimum: [9, double],
    exclusiveMinimum: [10, flag],
    maxLength: [11, integer],
    minLength: [12, integer],
    pattern: [13, text],
    maxItems: [14, integer],
    minItems: [15, integer],
    uniqueItems: [16, flag],
    maxProperties: [17, integer],
    minProperties: [18, integer],
    required: [19, repeated(text)],
    enum: [20, repeated(any)],
    additionalProperties: [
      21,
      nested((writer, value) => {
        if (typeof value === 'boolean') flag(writer, 2, value);
        else schema(writer, 1, value);
      }),
    ],
    type: [22, nested((writer, value) => repeated(text)(writer, 1, [value].flat()))],
    items: [23, wrapped(schema)],
    allOf: [24, repeated(schema)],
    properties: [25, wrapped(named(schema))],
    readOnly: [27, flag],
    example: [30, any],
  },
  extension: 31,
};

const queryParameter: Message = {
  fields: {
    required: [1, flag],
    in: [2, text],
    description: [3, text],
    name: [4, text],
    type: [6, text],
    format: [7, text],
    uniqueItems: [21, flag],
  },
  extension: 23,
};

/** Of the four places of a parameter without body, the document knows the query. */
const parameter = wrapped(
  nested((writer, value) =>
    nested((inner, held) => message(() => queryParameter)(inner, 3, held))(writer, 2, value),
  ),
);

const response: Message = {
  fields: { description: [1, text], schema: [2, wrapped(schema)] },
  extension: 5,
};

const operation = message(() => ({
  fields: {
    tags: [1, repeated(text)],
    summary: [2, text],
    description: [3, text],
    operationId: [5, text],
    produces: [6, repeated(text)],
    consumes: [7, repeated(text)],
    parameters: [8, repeated(parameter)],
    responses: [
      9,
      nested((writer, value) => named(wrapped(message(() => response)))(writer, 1, value)),
    ],
    deprecated: [11, flag],
  },
  extension: 13,
}));

const pathItem: Message = {
  fields: {
    get: [2, operation],
    put: [3, operation],
    post: [4, operation],
    delete: [5, operation],
    patch: [8, operation],
    parameters: [9, repeated(parameter)],
  },
  extension: 10,
};

const document: Message = {
  fields: {
    swagger: [1, text],
    info: [2, message(() => ({ fields: { title: [1, text], version: [2, text] } }))],
    paths: [8, nested((writer, value) => named(message(() => pathItem))(writer, 2, value))],
    definitions: [9, wrapped(named(schema))],
  },
};

/** @param swagger the document of version 2. */
export function encodeSwagger(swagger: unknown): Buffer {
  const writer = Writer.create();
  writeMessage(writer, swagger, document);
  return Buffer.from(writer.finish());
}

function writeMessage(
  writer: ProtobufWriter,
  value: unknown,
  { fields, extension }: Message,
): void {
  if (!isJsonObject(value)) return;
  const extensions: Record<string, unknown> = {};
  for (const [key, held] of Object.entries(value)) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field && held !== undefined && held !== null) field[1](writer, field[0], held);
    else if (key.startsWith('x-')) extensions[key] = held;
  }
  if (extension !== undefined) named(any)(writer, extension, extensions);
}
