/**
 * A CustomResourceDefinition as the kind definitions of its served versions: pruning, defaults,
 * validation, columns and subresources as the schema says. Pure.
 */
import type {
  CustomResourceDefinition,
  DefinedVersion,
  JsonSchema,
} from '../../apis/apiextensions/types.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import type { KindDefinition, PrinterColumn } from '../../apis/meta/kind-definition.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import { jsonEqual, type JsonObject } from '../json-value.ts';
import type { CustomKind } from '../kind-registry.ts';
import { runRules } from './cel-rules.ts';
import { applySchemaDefaults } from './defaulting.ts';
import { pruneObject } from './pruning.ts';
import { validateValue } from './validate-value.ts';

const columnTypes: readonly PrinterColumn['type'][] = [
  'string',
  'integer',
  'number',
  'date',
  'boolean',
];

export function makeCustomKind(crd: CustomResourceDefinition): CustomKind {
  const { group, versions, conversion } = crd.spec;
  const { clientConfig, conversionReviewVersions = [] } = conversion?.webhook ?? {};
  return {
    definitions: versions
      .filter(({ served }) => served)
      .map((version) => makeDefinition(crd, version)),
    storageVersion: versions.find(({ storage }) => storage)?.name ?? '',
    versions: {
      schemas: new Map(versions.map((version) => [`${group}/${version.name}`, schemaOf(version)])),
      webhook:
        conversion?.strategy === 'Webhook' && clientConfig
          ? { clientConfig, reviewVersions: conversionReviewVersions }
          : undefined,
    },
  };
}

const schemaOf = ({ schema }: DefinedVersion): JsonSchema => schema?.openAPIV3Schema ?? {};

function makeDefinition(crd: CustomResourceDefinition, version: DefinedVersion): KindDefinition {
  const { group, scope, names } = crd.spec;
  const accepted = crd.status?.acceptedNames ?? {};
  const { plural, kind } = names;
  const schema = schemaOf(version);
  const scale = version.subresources?.scale;
  const { shortNames, categories } = accepted;
  const isLeaving = crd.metadata.deletionTimestamp !== undefined;
  return {
    group,
    version: version.name,
    kind,
    plural,
    singular: accepted.singular ?? names.singular ?? kind.toLowerCase(),
    listKind: accepted.listKind ?? names.listKind ?? `${kind}List`,
    namespaced: scope === 'Namespaced',
    ...(shortNames && shortNames.length > 0 ? { shortNames } : {}),
    ...(categories && categories.length > 0 ? { categories } : {}),
    hasStatus: version.subresources?.status !== undefined,
    ...(scale
      ? {
          scale: {
            spec: scale.specReplicasPath.slice(1),
            status: scale.statusReplicasPath.slice(1),
            ...(scale.labelSelectorPath ? { selector: scale.labelSelectorPath.slice(1) } : {}),
          },
        }
      : {}),
    columns: makeColumns(version),
    schema,
    ...(version.selectableFields
      ? { selectableFields: version.selectableFields.map(({ jsonPath }) => jsonPath.slice(1)) }
      : {}),
    ...(version.deprecated === true
      ? {
          deprecationWarning:
            version.deprecationWarning ?? `${group}/${version.name} ${kind} is deprecated`,
        }
      : {}),
    ...(isLeaving
      ? { refusesCreate: 'create not allowed while custom resource definition is terminating' }
      : {}),
    applyDefaults: (object) => conform(object, schema),
    validate: (object, { old }) => validateCustomObject(object, old, schema),
  };
}

function makeColumns({ additionalPrinterColumns = [] }: DefinedVersion): PrinterColumn[] {
  return additionalPrinterColumns.map(({ type, ...column }) => ({
    ...column,
    type: columnTypes.find((known) => known === type) ?? 'string',
  }));
}

/** What the schema leaves of an object, with its defaults. */
export const conform = <T extends KubeObject>(object: T, schema: JsonSchema): T =>
  applySchemaDefaults(pruneObject(object, schema), schema);

/**
 * An update may leave errors where they were: a field that did not change is not judged again.
 * Source: upstream's CRDValidationRatcheting.
 */
export function validateCustomObject(
  object: KubeObject,
  old: KubeObject | undefined,
  schema: JsonSchema,
): FieldError[] {
  // The metadata is the server's to judge, and rules see its names only.
  const errors = validateValue(object, withoutMetadata(schema));
  const kept =
    old === undefined || errors.length === 0
      ? errors
      : errors.filter((error) => isNew(error, object, old));
  // Rules assume values of the types that the schema declares.
  const all = kept.length > 0 ? kept : runRules(object, old, schema);
  return all.map((error) => ({
    ...error,
    paths: error.paths.map((path) => (path === '' ? '<nil>' : path)),
  }));
}

function isNew(error: FieldError, object: KubeObject, old: KubeObject): boolean {
  return error.paths.some((path) => {
    const steps = path === '' ? [] : path.replaceAll(/\[(\d+)\]/g, '.$1').split('.');
    // A missing field is its parent's error.
    if (error.reason === 'FieldValueRequired') steps.pop();
    return steps.length === 0
      ? !jsonEqual(withoutServerFields(object), withoutServerFields(old))
      : !jsonEqual(follow(object, steps), follow(old, steps));
  });
}

const follow = (value: unknown, steps: readonly string[]): unknown =>
  steps.reduce<unknown>(
    (current, step) =>
      typeof current === 'object' && current !== null && Object.hasOwn(current, step)
        ? (current as JsonObject)[step]
        : undefined,
    value,
  );

function withoutServerFields(object: KubeObject): object {
  const { metadata: _metadata, ...rest } = object;
  return rest;
}

const strippedSchemas = new WeakMap<JsonSchema, JsonSchema>();

/** `metadata` may restrict names, which is judged; its type is a given. */
function withoutMetadata(schema: JsonSchema): JsonSchema {
  const known = strippedSchemas.get(schema);
  if (known) return known;
  const metadata = schema.properties?.['metadata'];
  const stripped = metadata
    ? {
        ...schema,
        properties: {
          ...schema.properties,
          metadata: metadata.properties ? { properties: metadata.properties } : {},
        },
      }
    : schema;
  strippedSchemas.set(schema, stripped);
  return stripped;
}
