import assert from 'node:assert/strict';
import protobuf from 'protobufjs';
import { encodeSwagger } from '../../../runtime/apiserver/openapi/swagger-protobuf.ts';
import { makeSwaggerSchema } from '../../../runtime/apiserver/openapi/swagger-schema.ts';

/** The part of the message that the test reads back, by its published field numbers. */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string yaml = 2; }
  message NamedAny { string name = 1; Any value = 2; }
  message NamedSchema { string name = 1; Schema value = 2; }
  message Properties { repeated NamedSchema additional_properties = 1; }
  message AdditionalPropertiesItem { oneof oneof { Schema schema = 1; bool boolean = 2; } }
  message TypeItem { repeated string value = 1; }
  message ItemsItem { repeated Schema schema = 1; }
  message Schema {
    string _ref = 1; string description = 4; double maximum = 7; int64 min_length = 12;
    repeated string required = 19; repeated Any enum = 20;
    AdditionalPropertiesItem additional_properties = 21; TypeItem type = 22; ItemsItem items = 23;
    Properties properties = 25; repeated NamedAny vendor_extension = 31;
  }
  message QueryParameter { string name = 4; string type = 6; }
  message NonBodyParameter { QueryParameter query_parameter_sub_schema = 3; }
  message Parameter { NonBodyParameter non_body_parameter = 2; }
  message ParametersItem { Parameter parameter = 1; }
  message Response { string description = 1; }
  message ResponseValue { Response response = 1; }
  message NamedResponseValue { string name = 1; ResponseValue value = 2; }
  message Responses { repeated NamedResponseValue response_code = 1; }
  message Operation {
    string operation_id = 5; repeated ParametersItem parameters = 8; Responses responses = 9;
    repeated NamedAny vendor_extension = 13;
  }
  message PathItem { Operation patch = 8; }
  message NamedPathItem { string name = 1; PathItem value = 2; }
  message Paths { repeated NamedPathItem path = 2; }
  message Definitions { repeated NamedSchema additional_properties = 1; }
  message Info { string title = 1; string version = 2; }
  message Document { string swagger = 1; Info info = 2; Paths paths = 8; Definitions definitions = 9; }
`);

const readBack = (document: unknown): any => {
  const type = root.lookupType('Document');
  return type.toObject(type.decode(encodeSwagger(document)), { longs: Number });
};

describe('The OpenAPI document of version 2 as protobuf', () => {
  it('holds schemas with what they refer to, limits and extensions', () => {
    const { swagger, definitions } = readBack({
      swagger: '2.0',
      definitions: {
        Cafe: {
          type: 'object',
          description: 'A place.',
          required: ['name'],
          properties: {
            name: { type: 'string', minLength: 1, enum: ['a', 'b'] },
            tables: { type: 'array', items: { $ref: '#/definitions/Table' } },
            prices: { type: 'object', additionalProperties: { type: 'number', maximum: 9.5 } },
            rest: { type: 'object', additionalProperties: true },
          },
          'x-kubernetes-group-version-kind': [{ group: 'g', version: 'v1', kind: 'Cafe' }],
        },
      },
    });
    const [{ name, value }] = definitions.additionalProperties;
    const fields = Object.fromEntries(
      value.properties.additionalProperties.map((entry: any) => [entry.name, entry.value]),
    );
    assert.deepEqual([swagger, name, value.description], ['2.0', 'Cafe', 'A place.']);
    assert.deepEqual(value.required, ['name']);
    assert.deepEqual(fields, {
      name: { type: { value: ['string'] }, minLength: 1, enum: [{ yaml: '"a"' }, { yaml: '"b"' }] },
      tables: { type: { value: ['array'] }, items: { schema: [{ _ref: '#/definitions/Table' }] } },
      prices: {
        type: { value: ['object'] },
        additionalProperties: { schema: { type: { value: ['number'] }, maximum: 9.5 } },
      },
      rest: { type: { value: ['object'] }, additionalProperties: { boolean: true } },
    });
    assert.deepEqual(value.vendorExtension, [
      {
        name: 'x-kubernetes-group-version-kind',
        value: { yaml: '[{"group":"g","version":"v1","kind":"Cafe"}]' },
      },
    ]);
  });

  it('holds paths with the query parameters of their operations', () => {
    const { paths } = readBack({
      paths: {
        '/a': {
          patch: {
            operationId: 'patchA',
            parameters: [{ name: 'dryRun', in: 'query', type: 'string' }],
            responses: { '200': { description: 'OK' } },
            'x-kubernetes-action': 'patch',
          },
        },
      },
    });
    assert.deepEqual(paths.path, [
      {
        name: '/a',
        value: {
          patch: {
            operationId: 'patchA',
            parameters: [
              {
                parameter: {
                  nonBodyParameter: { queryParameterSubSchema: { name: 'dryRun', type: 'string' } },
                },
              },
            ],
            responses: {
              responseCode: [{ name: '200', value: { response: { description: 'OK' } } }],
            },
            vendorExtension: [{ name: 'x-kubernetes-action', value: { yaml: '"patch"' } }],
          },
        },
      },
    ]);
  });
});

describe('A structural schema in OpenAPI version 2', () => {
  it('says nothing where anything may be', () => {
    const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    assert.deepEqual(makeSwaggerSchema({ ...open, properties: { a: { type: 'string' } } }), {
      'x-kubernetes-preserve-unknown-fields': true,
    });
    assert.deepEqual(makeSwaggerSchema({ type: 'array' }), {});
  });

  it('neither types nor requires what may be null', () => {
    assert.deepEqual(
      makeSwaggerSchema({
        type: 'object',
        required: ['a', 'b'],
        properties: { a: { type: 'string', nullable: true }, b: { type: 'string' } },
      }),
      { type: 'object', required: ['b'], properties: { a: {}, b: { type: 'string' } } },
    );
  });

  it('drops what combines schemas, also below items and additional properties', () => {
    const alternatives = { type: 'integer', anyOf: [{ minimum: 1 }], not: { enum: [3] } };
    assert.deepEqual(
      makeSwaggerSchema({
        type: 'object',
        properties: { list: { type: 'array', items: alternatives } },
        additionalProperties: alternatives,
      }),
      {
        type: 'object',
        properties: { list: { type: 'array', items: { type: 'integer' } } },
        additionalProperties: { type: 'integer' },
      },
    );
  });
});
