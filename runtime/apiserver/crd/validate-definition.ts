/**
 * Validation of a CustomResourceDefinition. Problems are told where upstream's own form of the object
 * has them: what all versions have alike stands in the spec there. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation (rules, order, words).
 */
import type {
  CustomResourceDefinition,
  DefinedNames,
  DefinedVersion,
  JsonSchema,
} from '../../apis/apiextensions/types.ts';
import {
  invalidField,
  requiredField,
  tooManyField,
  unsupportedField,
  wrongType,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { isJsonObject, jsonEqual } from '../json-value.ts';
import { approvalAnnotation, approvalOf } from './api-approval.ts';
import { dnsLabel1035Problem } from './definition-names.ts';
import { validateConversion } from './validate-conversion.ts';
import {
  validateColumn,
  validateScale,
  validateSelectableFields,
} from './validate-version-parts.ts';
import { findUnknownFormats, validateSchema } from './structural-schema.ts';

type Spec = CustomResourceDefinition['spec'];

const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainText = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
const WARNING_LENGTH_MAX = 256;
const VERSIONS_MAX = 100;

/** @param old the stored definition on an update. */
export function validateDefinition(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  const { metadata, spec, status } = definition;
  if (!isJsonObject(spec)) return [requiredField('spec')];
  const malformed = findMalformed(definition);
  if (malformed) return [malformed];
  const errors: FieldError[] = [];
  if (!old && metadata.name !== `${spec.names.plural}.${spec.group}`)
    errors.push(
      invalidField('metadata.name', metadata.name, `must be spec.names.plural+"."+spec.group`),
    );
  errors.push(...validateSpec(spec));
  if (old) errors.push(...validateSpecUpdate(spec, old));
  errors.push(...validateStoredVersions(status?.storedVersions ?? [], spec.versions));
  errors.push(...validateApproval(definition, old));
  if (spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true)
    errors.push(
      invalidField(
        'spec.preserveUnknownFields',
        true,
        'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
      ),
    );
  return errors;
}

/** What a client should be told of a definition that is good: formats that nothing is checked by. */
export function warnOfFormats(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): string[] {
  const known = old ? formatsOf(old) : [];
  return formatsOf(definition)
    .filter((format) => !known.includes(format))
    .map((format) => `unrecognized format ${JSON.stringify(format)}`);
}

function formatsOf({ spec }: CustomResourceDefinition): readonly string[] {
  const found: string[] = [];
  for (const { schema } of spec.versions)
    if (schema?.openAPIV3Schema) findUnknownFormats(schema.openAPIV3Schema, found);
  return found;
}

/** What the steps below rely on, for servers that do not decode by type first. */
function findMalformed({ spec }: CustomResourceDefinition): FieldError | undefined {
  const names: unknown = spec.names;
  if (!isJsonObject(names)) return requiredField('spec.names');
  const versions: unknown = spec.versions;
  if (!Array.isArray(versions) || !versions.every(isJsonObject))
    return requiredField('spec.versions');
  if (versions.length > VERSIONS_MAX)
    return tooManyField('spec.versions', versions.length, VERSIONS_MAX);
  for (const key of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const name: unknown = spec.names[key];
    if (name !== undefined && typeof name !== 'string')
      return wrongType(`spec.names.${key}`, typeof name, 'must be a string');
  }
  const lists: (readonly [string, unknown])[] = [
    ['spec.names.shortNames', spec.names.shortNames],
    ['spec.names.categories', spec.names.categories],
  ];
  for (const [index, version] of spec.versions.entries()) {
    const { additionalPrinterColumns, selectableFields } = version;
    lists.push(
      [`spec.versions[${index}].additionalPrinterColumns`, additionalPrinterColumns],
      [`spec.versions[${index}].selectableFields`, selectableFields],
    );
  }
  const wrong = lists.find(([, list]) => list !== undefined && !Array.isArray(list));
  return wrong && wrongType(wrong[0], typeof wrong[1], 'must be a list');
}

function validateSpec(spec: Spec): FieldError[] {
  const { versions, names, scope } = spec;
  const errors = validateGroup(spec.group);
  if (!scope) errors.push(requiredField('spec.scope'));
  else if (scope !== 'Cluster' && scope !== 'Namespaced')
    errors.push(unsupportedField('spec.scope', scope, ['Cluster', 'Namespaced']));
  const shared = sharedParts(versions);
  if (!(shared.schema && versions[0]?.schema?.openAPIV3Schema))
    for (const [index, { schema }] of versions.entries())
      if (!schema?.openAPIV3Schema)
        errors.push(requiredField(`spec.versions[${index}].schema.openAPIV3Schema`));
  for (const [index, version] of versions.entries()) {
    const path = `spec.versions[${index}]`;
    errors.push(...validateVersionName(version.name, `${path}.name`));
    errors.push(...validateDeprecation(version, path));
    const own = Object.fromEntries(
      Object.entries(version).filter(([key]) => !isShared(key, shared)),
    );
    errors.push(...validateParts(own, version, path, `${path}.schema`));
  }
  errors.push(...validateVersionList(versions, shared));
  const [first] = versions;
  if (first?.name) errors.push(...validateVersionName(first.name, 'spec.version'));
  errors.push(...validateNames(names));
  if (first) {
    const common = Object.fromEntries(
      Object.entries(first).filter(([key]) => isShared(key, shared)),
    );
    errors.push(...validateParts(common, first, 'spec', 'spec.validation'));
  }
  errors.push(...validateConversion(spec.conversion));
  return errors;
}

function validateGroup(group: unknown): FieldError[] {
  if (typeof group !== 'string' || group === '') return [requiredField('spec.group')];
  if (!subdomainPattern.test(group)) return [invalidField('spec.group', group, subdomainText)];
  if (!group.includes('.'))
    return [invalidField('spec.group', group, 'should be a domain with at least one dot')];
  return [];
}

interface SharedParts {
  readonly schema: boolean;
  readonly subresources: boolean;
  readonly additionalPrinterColumns: boolean;
  readonly selectableFields: boolean;
}

/** What is the same in every version, as it always is where there is one. */
function sharedParts(versions: readonly DefinedVersion[]): SharedParts {
  const isSame = (key: keyof SharedParts): boolean => {
    const first: unknown = versions[0]?.[key] ?? null;
    return versions.every((version) => jsonEqual(version[key] ?? null, first));
  };
  return {
    schema: isSame('schema'),
    subresources: isSame('subresources'),
    additionalPrinterColumns: isSame('additionalPrinterColumns'),
    selectableFields: isSame('selectableFields'),
  };
}

const isShared = (key: string, shared: SharedParts): boolean =>
  Object.hasOwn(shared, key) && shared[key as keyof SharedParts];

const validateVersionName = (name: unknown, path: string): FieldError[] => {
  const problem = typeof name === 'string' ? dnsLabel1035Problem(name) : undefined;
  if (typeof name !== 'string') return [requiredField(path)];
  return problem === undefined ? [] : [invalidField(path, name, problem)];
};

function validateDeprecation(
  { deprecated, deprecationWarning }: DefinedVersion,
  path: string,
): FieldError[] {
  if (deprecationWarning === undefined) return [];
  const problem =
    deprecated !== true
      ? 'can only be set for deprecated versions'
      : deprecationWarning.length > WARNING_LENGTH_MAX
        ? 'must be <= 256 characters long'
        : deprecationWarning === ''
          ? 'must not be an empty string'
          : undefined;
  return problem === undefined
    ? []
    : [invalidField(`${path}.deprecationWarning`, deprecationWarning, problem)];
}

/**
 * Schema, subresources, columns and selectable fields, of one version or of all.
 * @param parts those of them that stand here. @param version with all of its parts.
 */
function validateParts(
  parts: Partial<DefinedVersion>,
  version: DefinedVersion,
  path: string,
  schemaPath: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const root = parts.schema?.openAPIV3Schema;
  if (root) {
    const at = `${schemaPath}.openAPIV3Schema`;
    if (version.subresources?.status !== undefined) errors.push(...validateStatusRoot(root, at));
    errors.push(...validateSchema(root, at));
  }
  const scale = parts.subresources?.scale;
  if (scale) errors.push(...validateScale(scale, `${path}.subresources.scale`));
  for (const [index, column] of (parts.additionalPrinterColumns ?? []).entries())
    errors.push(...validateColumn(column, `${path}.additionalPrinterColumns[${index}]`));
  if (parts.selectableFields)
    errors.push(
      ...validateSelectableFields(
        parts.selectableFields,
        version.schema?.openAPIV3Schema,
        `${path}.selectableFields`,
      ),
    );
  return errors;
}

/** What would be lost of a root of which the status is judged on its own. */
const rootKeywordsWithStatus = new Set([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);
const rootKeywordsShown =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations';

function validateStatusRoot(root: JsonSchema, path: string): FieldError[] {
  if (root.type && root.type !== 'object')
    return [
      invalidField(
        `${path}.type`,
        root.type,
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
      ),
    ];
  const stray = Object.entries(root).some(
    ([key, value]) => !rootKeywordsWithStatus.has(key) && value !== false && value !== undefined,
  );
  return stray
    ? [
        invalidField(
          path,
          root,
          `only [${rootKeywordsShown}] fields are allowed at the root of the schema if the status subresource is enabled`,
        ),
      ]
    : [];
}

function validateVersionList(
  versions: readonly DefinedVersion[],
  shared: SharedParts,
): FieldError[] {
  const errors: FieldError[] = [];
  const refuse = (problem: string): void => {
    errors.push(
      invalidField(
        'spec.versions',
        versions.map((version) => describeVersion(version, shared)),
        problem,
      ),
    );
  };
  if (new Set(versions.map(({ name }) => name)).size < versions.length)
    refuse('must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1)
    refuse('must have exactly one version marked as storage version');
  return errors;
}

/** A version as upstream's messages print it. */
function describeVersion(version: DefinedVersion, shared: SharedParts): object {
  const own = (key: keyof SharedParts): unknown => (shared[key] ? null : (version[key] ?? null));
  return {
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: own('schema'),
    Subresources: own('subresources'),
    AdditionalPrinterColumns: own('additionalPrinterColumns'),
    SelectableFields: own('selectableFields'),
  };
}

function validateNames(names: DefinedNames): FieldError[] {
  const keys = ['plural', 'singular', 'kind', 'listKind'] as const;
  const errors = keys.filter((key) => !names[key]).map((key) => requiredField(`spec.names.${key}`));
  const check = (at: string, value: unknown, isKind: boolean): void => {
    if (typeof value !== 'string') return;
    const problem = dnsLabel1035Problem(isKind ? value.toLowerCase() : value);
    const start = isKind ? 'may have mixed case, but should otherwise match: ' : '';
    if (problem !== undefined) errors.push(invalidField(at, value, `${start}${problem}`));
  };
  for (const key of keys)
    if (names[key]) check(`spec.names.${key}`, names[key], key === 'kind' || key === 'listKind');
  for (const [index, name] of (names.shortNames ?? []).entries())
    check(`spec.names.shortNames[${index}]`, name, false);
  if (names.kind && names.kind === names.listKind)
    errors.push(
      invalidField('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'),
    );
  for (const [index, name] of (names.categories ?? []).entries())
    check(`spec.names.categories[${index}]`, name, false);
  return errors;
}

/** Groups of Kubernetes itself are for kinds that its API review has seen. */
function validateApproval(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  const approval = approvalOf(definition);
  // Who cannot change the mark must be able to change the rest.
  if (!approval || (old && approvalOf(old)?.state === approval.state)) return [];
  const at = `metadata.annotations[${approvalAnnotation}]`;
  const { state, text } = approval;
  if (state === 'Missing') return [requiredField(at, text)];
  if (state !== 'Invalid') return [];
  return [invalidField(at, definition.metadata.annotations?.[approvalAnnotation], text)];
}

function validateSpecUpdate(spec: Spec, old: CustomResourceDefinition): FieldError[] {
  const errors: FieldError[] = [];
  const unchanged = (path: string, before: unknown, after: unknown): void => {
    if (!jsonEqual(before, after)) errors.push(invalidField(path, after, 'field is immutable'));
  };
  const isEstablished = old.status?.conditions?.some(
    ({ type, status: is }) => type === 'Established' && is === 'True',
  );
  if (isEstablished) {
    unchanged('spec.scope', old.spec.scope, spec.scope);
    unchanged('spec.names.kind', old.spec.names.kind, spec.names.kind);
  }
  unchanged('spec.group', old.spec.group, spec.group);
  unchanged('spec.names.plural', old.spec.names.plural, spec.names.plural);
  return errors;
}

function validateStoredVersions(
  stored: readonly string[],
  versions: readonly DefinedVersion[],
): FieldError[] {
  const path = 'status.storedVersions';
  if (stored.length === 0)
    return [invalidField(path, null, 'must have at least one stored version')];
  const errors: FieldError[] = [];
  const left = new Set(stored);
  for (const { name, storage } of versions) {
    // As upstream, which misses a version at its second mention.
    if (storage && !left.has(name))
      errors.push(invalidField(path, stored, `must have the storage version ${name}`));
    left.delete(name);
  }
  for (const version of left)
    errors.push(
      invalidField(
        `${path}[${stored.lastIndexOf(version)}]`,
        version,
        `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`,
      ),
    );
  return errors;
}
