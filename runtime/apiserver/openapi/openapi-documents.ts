/**
 * `/openapi/v2` and `/openapi/v3`: what kubectl explains, validates and merges by. Built-in kinds
 * come from the tables, kinds of CustomResourceDefinitions with their structural schemas, and Knit's
 * own kinds as objects with any fields. Operations are told as far as clients look at them. Pure.
 */
import { createHash } from 'node:crypto';
import { findKindSchema, isBuiltinKind } from '../../apis/schema/type-table.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';
import type { KindRegistry, Resource } from '../kind-registry.ts';
import { makeSwaggerSchema } from './swagger-schema.ts';
import { TypeSchemas, type OpenApiVersion } from './type-schemas.ts';

const OBJECT_META = 'meta.v1.ObjectMeta';
const PRESERVE_UNKNOWN = 'x-kubernetes-preserve-unknown-fields';
const LIST_META = 'meta.v1.ListMeta';
const queryParameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];

interface OpenApiIndex {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

/** By the registry's list of resources, which is another one after each change. */
const indexes = new WeakMap<readonly Resource[], OpenApiIndex>();

/** The index of version 3: documents by group and version, each with a hash that clients cache by. */
export function makeOpenApiIndex(registry: KindRegistry): OpenApiIndex {
  const { resources } = registry;
  const known = indexes.get(resources) ?? buildIndex(registry);
  indexes.set(resources, known);
  return known;
}

/** Where a document of version 3 is found with the hash of what it says now. */
export function findOpenApiUrl(registry: KindRegistry, path: string): string | undefined {
  const { paths } = makeOpenApiIndex(registry);
  return paths[path.slice('/openapi/v3/'.length)]?.serverRelativeURL;
}

function buildIndex(registry: KindRegistry): OpenApiIndex {
  const paths: Record<string, { serverRelativeURL: string }> = {};
  for (const [group, versions] of registry.groups)
    for (const version of versions) {
      const path = groupVersionPath(group, version);
      const hash = createHash('sha512')
        .update(JSON.stringify(makeOpenApi(registry, path)))
        .digest('hex')
        .toUpperCase();
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
    }
  return { paths };
}

/** The document of one group and version, such as `apis/apps/v1`. @returns undefined when it is unknown. */
export function makeOpenApi(registry: KindRegistry, path: string): unknown {
  const resources = registry.resources.filter(
    ({ group, version }) => groupVersionPath(group, version) === path,
  );
  if (resources.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'unversioned' },
    paths: makePaths(resources, 3),
    components: { schemas: makeSchemas(resources, 3) },
  };
}

/** Everything in one document of version 2. */
export const makeSwagger = (registry: KindRegistry): unknown => ({
  swagger: '2.0',
  info: { title: 'Kubernetes', version: 'unversioned' },
  paths: makePaths(registry.resources, 2),
  definitions: makeSchemas(registry.resources, 2),
});

const groupVersionPath = (group: string, version: string): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

function makePaths(resources: readonly Resource[], version: OpenApiVersion): JsonObject {
  const paths: JsonObject = {};
  for (const resource of resources) {
    const { group, plural, kind, definition } = resource;
    const scope = definition.namespaced ? 'namespaces/{namespace}/' : '';
    const collection = `/${groupVersionPath(group, resource.version)}/${scope}${plural}`;
    const operation = (action: string, parameters: readonly string[]): JsonObject => ({
      operationId: `${action}${kind}`,
      parameters: parameters.map((name) => ({
        name,
        in: 'query',
        ...(version === 3
          ? { schema: { type: 'string', uniqueItems: true } }
          : { type: 'string', uniqueItems: true }),
      })),
      responses: { '200': { description: 'OK' } },
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group, version: resource.version, kind },
    });
    paths[collection] = {
      get: operation('list', []),
      post: operation('post', queryParameters.slice(0, 3)),
    };
    paths[`${collection}/{name}`] = {
      get: operation('get', []),
      put: operation('put', queryParameters.slice(0, 3)),
      patch: operation('patch', queryParameters),
      delete: operation('delete', []),
    };
  }
  return paths;
}

function makeSchemas(resources: readonly Resource[], version: OpenApiVersion): JsonObject {
  const types = new TypeSchemas(version);
  const custom: JsonObject = {};
  for (const resource of resources) {
    const { apiVersion, kind, group } = resource;
    if (isBuiltinKind(apiVersion, kind))
      for (const name of [kind, `${kind}List`]) {
        const schema = findKindSchema(apiVersion, name);
        if (schema)
          types.markKind(schema.typeName, { group, version: resource.version, kind: name });
      }
    else addCustomKind(custom, resource, { types, version });
  }
  return { ...types.schemas, ...custom };
}

function addCustomKind(
  target: JsonObject,
  { group, version, kind, definition }: Resource,
  { types, version: openApiVersion }: { types: TypeSchemas; version: OpenApiVersion },
): void {
  const { schema } = definition as { readonly schema?: unknown };
  const whole: JsonObject = isJsonObject(schema)
    ? schema
    : { type: 'object', [PRESERVE_UNKNOWN]: true };
  // kubectl before 1.27 refuses what a kind that names any field does not name.
  const isOpen = openApiVersion === 2 && whole[PRESERVE_UNKNOWN] === true;
  const given = openApiVersion === 2 ? makeSwaggerSchema(whole) : whole;
  const properties = isJsonObject(given['properties']) ? given['properties'] : {};
  const text = { type: 'string' };
  const name = `${group.split('.').reverse().join('.')}.${version}.${kind}`;
  const own = types.refer(OBJECT_META)['$ref'] as string;
  target[name] = {
    ...(isOpen
      ? { type: 'object' }
      : {
          ...given,
          properties: {
            ...properties,
            apiVersion: text,
            kind: text,
            metadata: types.refer(OBJECT_META),
          },
        }),
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  };
  const prefix = own.slice(0, own.lastIndexOf('/') + 1);
  target[`${name}List`] = {
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: text,
      kind: text,
      metadata: types.refer(LIST_META),
      items: { type: 'array', items: { $ref: prefix + name } },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: `${kind}List` }],
  };
}
