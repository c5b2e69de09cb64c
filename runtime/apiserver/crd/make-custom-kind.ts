/**
 * A CustomResourceDefinition as the kind definitions of its served versions: pruning, defaults,
 * validation, columns and subresources as the schema says. Pure.
 */
import type {
  CustomResourceDefinition,
  DefinedVersion,
  JsonSchema,
} from '../../apis/apiextensions/types.ts';
import type { KindDefinition, PrinterColumn } from '../../apis/meta/kind-definition.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { CustomKind } from '../kind-registry.ts';
import { applySchemaDefaults, dropNulls } from './defaulting.ts';
import { pruneObject } from './pruning.ts';
import { validateCustomObject } from './validate-custom-object.ts';

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
    validate: (object, { old, warnings }) =>
      validateCustomObject({ object, old, schema, scale: version.subresources?.scale, warnings }),
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
  applySchemaDefaults(dropNulls(pruneObject(object, schema), schema), schema);
