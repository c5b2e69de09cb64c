/**
 * Validation of a CustomResourceDefinition. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation (rules and messages).
 */
import type {
  CustomResourceDefinition,
  DefinedColumn,
  DefinedNames,
  DefinedVersion,
} from '../../apis/apiextensions/types.ts';
import {
  duplicateField,
  forbiddenField,
  invalidField,
  requiredField,
  tooManyField,
  unsupportedField,
  wrongType,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { isJsonObject, jsonEqual } from '../json-value.ts';
import { validateSchema } from './structural-schema.ts';

const labelPattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const labelText = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`;
const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainText = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
const LABEL_LENGTH_MAX = 63;
const SELECTABLE_FIELDS_MAX = 8;
const WARNING_LENGTH_MAX = 256;
const VERSIONS_MAX = 100;

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = [
  'byte',
  'date',
  'date-time',
  'double',
  'float',
  'int32',
  'int64',
  'password',
];
const approvalAnnotation = 'api-approved.kubernetes.io';
const protectedGroupPattern = /(?:^|\.)(?:k8s|kubernetes)\.io$/;

/** @param old the stored definition on an update. */
export function validateDefinition(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  const { metadata, spec } = definition;
  if (!isJsonObject(spec)) return [requiredField('spec')];
  const names: unknown = spec.names;
  if (!isJsonObject(names)) return [requiredField('spec.names')];
  const versions: unknown = spec.versions;
  if (!Array.isArray(versions) || !versions.every(isJsonObject))
    return [requiredField('spec.versions')];
  const malformed = findMalformed(definition);
  if (malformed) return [malformed];
  const errors: FieldError[] = [];
  const wanted = `${spec.names.plural}.${spec.group}`;
  if (metadata.name !== wanted)
    errors.push(
      invalidField('metadata.name', metadata.name, `must be spec.names.plural+"."+spec.group`),
    );
  errors.push(...validateGroup(spec.group));
  if (!spec.scope) errors.push(requiredField('spec.scope'));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    errors.push(unsupportedField('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  if (spec.preserveUnknownFields === true)
    errors.push(invalidField('spec.preserveUnknownFields', true, 'must be false'));
  errors.push(...validateVersions(spec.versions), ...validateNames(spec.names));
  errors.push(...validateConversion(spec.conversion));
  errors.push(...validateApproval(definition, old));
  if (old) errors.push(...validateUpdate(definition, old));
  return errors;
}

/** What the steps below rely on, for servers that do not decode by type first. */
function findMalformed({ spec }: CustomResourceDefinition): FieldError | undefined {
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

function validateGroup(group: unknown): FieldError[] {
  if (typeof group !== 'string' || group === '') return [requiredField('spec.group')];
  if (!subdomainPattern.test(group)) return [invalidField('spec.group', group, subdomainText)];
  if (!group.includes('.'))
    return [invalidField('spec.group', group, 'should be a domain with at least one dot')];
  return [];
}

function validateVersions(versions: readonly DefinedVersion[]): FieldError[] {
  const errors = versions
    .slice(0, VERSIONS_MAX)
    .flatMap((version, index) => validateVersion(version, `spec.versions[${index}]`));
  if (versions.length > VERSIONS_MAX)
    errors.push(tooManyField('spec.versions', versions.length, VERSIONS_MAX));
  const names = versions.map(({ name }) => name);
  if (new Set(names).size < names.length)
    errors.push(invalidField('spec.versions', undefined, 'must contain unique version names'));
  if (versions.filter(({ storage }) => storage).length !== 1)
    errors.push(
      invalidField(
        'spec.versions',
        undefined,
        'must have exactly one version marked as storage version',
      ),
    );
  return errors;
}

function validateVersion(version: DefinedVersion, path: string): FieldError[] {
  const { name, deprecated, deprecationWarning, schema, subresources } = version;
  const errors: FieldError[] = [];
  if (typeof name !== 'string' || !isLabel(name))
    errors.push(invalidField(`${path}.name`, name ?? '', labelText));
  if (deprecationWarning !== undefined) {
    const at = `${path}.deprecationWarning`;
    if (deprecated !== true)
      errors.push(invalidField(at, deprecationWarning, 'can only be set for deprecated versions'));
    else if (deprecationWarning.length > WARNING_LENGTH_MAX)
      errors.push(invalidField(at, deprecationWarning, 'must be <= 256 characters long'));
    else if (deprecationWarning === '')
      errors.push(invalidField(at, deprecationWarning, 'must not be an empty string'));
  }
  const root = schema?.openAPIV3Schema;
  if (!root) errors.push(requiredField(`${path}.schema.openAPIV3Schema`));
  else errors.push(...validateSchema(root, `${path}.schema.openAPIV3Schema`));
  const scale = subresources?.scale;
  if (scale) errors.push(...validateScale(scale, `${path}.subresources.scale`));
  for (const [index, column] of (version.additionalPrinterColumns ?? []).entries())
    errors.push(...validateColumn(column, `${path}.additionalPrinterColumns[${index}]`));
  errors.push(...validateSelectableFields(version, path));
  return errors;
}

function validateScale(
  scale: NonNullable<NonNullable<DefinedVersion['subresources']>['scale']>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const check = (key: string, value: string | undefined, root: string[], isRequired: boolean) => {
    if (!value) {
      if (isRequired) errors.push(requiredField(`${path}.${key}`));
      return;
    }
    if (!isSimplePath(value)) {
      errors.push(invalidField(`${path}.${key}`, value, 'must be a json path'));
    } else if (!root.some((prefix) => value.startsWith(`${prefix}.`)))
      errors.push(
        invalidField(`${path}.${key}`, value, `should be a json path under ${root.join(' or ')}`),
      );
  };
  check('specReplicasPath', scale.specReplicasPath, ['.spec'], true);
  check('statusReplicasPath', scale.statusReplicasPath, ['.status'], true);
  check('labelSelectorPath', scale.labelSelectorPath, ['.spec', '.status'], false);
  return errors;
}

/** Dots and names only, which is what scale and field selectors can follow. */
const isSimplePath = (path: string): boolean => /^(?:\.[A-Za-z_][\w-]*)+$/.test(path);

function validateColumn(column: DefinedColumn, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { name, type, format, jsonPath } = column;
  const types = `must be one of ${columnTypes.join(',')}`;
  if (!name) errors.push(requiredField(`${path}.name`));
  if (!type) errors.push(requiredField(`${path}.type`, types));
  else if (!columnTypes.includes(type)) errors.push(invalidField(`${path}.type`, type, types));
  if (format && !columnFormats.includes(format))
    errors.push(
      invalidField(`${path}.format`, format, `must be one of ${columnFormats.join(',')}`),
    );
  if (!jsonPath) errors.push(requiredField(`${path}.JSONPath`));
  else if (!/^[.[]/.test(jsonPath))
    errors.push(
      invalidField(`${path}.JSONPath`, jsonPath, 'must be a simple json path starting with .'),
    );
  return errors;
}

function validateSelectableFields(version: DefinedVersion, path: string): FieldError[] {
  const fields = version.selectableFields ?? [];
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${path}.selectableFields[${index}].jsonPath`;
    if (!jsonPath) {
      errors.push(requiredField(at));
      continue;
    }
    const names = isSimplePath(jsonPath) ? jsonPath.slice(1).split('.') : [];
    if (names[0] === 'metadata')
      errors.push(invalidField(at, jsonPath, 'must not point to fields in metadata'));
    let schema = version.schema?.openAPIV3Schema;
    for (const name of names) schema = schema?.properties?.[name];
    if (names.length === 0 || !schema)
      errors.push(
        invalidField(at, jsonPath, 'is an invalid path: does not refer to a valid field'),
      );
    else if (!['string', 'boolean', 'integer'].includes(schema.type ?? ''))
      errors.push(
        invalidField(
          at,
          jsonPath,
          'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
        ),
      );
    if (seen.has(jsonPath)) errors.push(duplicateField(at, jsonPath));
    seen.add(jsonPath);
  }
  if (seen.size > SELECTABLE_FIELDS_MAX)
    errors.push(tooManyField(`${path}.selectableFields`, seen.size, SELECTABLE_FIELDS_MAX));
  return errors;
}

function validateNames(names: DefinedNames): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of ['plural', 'singular', 'kind', 'listKind'] as const) {
    const value = names[key];
    const at = `spec.names.${key}`;
    const isKind = key === 'kind' || key === 'listKind';
    if (!value) errors.push(requiredField(at));
    else if (!isLabel(isKind ? value.toLowerCase() : value))
      errors.push(
        invalidField(
          at,
          value,
          `${isKind ? 'may have mixed case, but should otherwise match: ' : ''}${labelText}`,
        ),
      );
  }
  if (names.kind && names.kind === names.listKind)
    errors.push(
      invalidField('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'),
    );
  for (const key of ['shortNames', 'categories'] as const)
    for (const [index, name] of (names[key] ?? []).entries())
      if (!isLabel(name)) errors.push(invalidField(`spec.names.${key}[${index}]`, name, labelText));
  return errors;
}

const isLabel = (text: unknown): boolean =>
  typeof text === 'string' && text.length <= LABEL_LENGTH_MAX && labelPattern.test(text);

function validateConversion(
  conversion: CustomResourceDefinition['spec']['conversion'],
): FieldError[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  if (strategy === 'None')
    return webhook === undefined
      ? []
      : [
          forbiddenField(
            'spec.conversion.webhook',
            'should not be set when strategy is not set to Webhook',
          ),
        ];
  if (strategy !== 'Webhook')
    return strategy
      ? [unsupportedField('spec.conversion.strategy', strategy, ['None', 'Webhook'])]
      : [requiredField('spec.conversion.strategy')];
  const at = 'spec.conversion.webhook.clientConfig';
  const config = webhook?.clientConfig;
  const errors: FieldError[] = [];
  if (!config) errors.push(requiredField(at, 'required when strategy is set to Webhook'));
  else if ((config.url === undefined) === (config.service === undefined))
    errors.push(requiredField(at, 'exactly one of url or service is required'));
  else if (config.service) {
    if (!config.service.name)
      errors.push(requiredField(`${at}.service.name`, 'service name is required'));
    if (!config.service.namespace)
      errors.push(requiredField(`${at}.service.namespace`, 'service namespace is required'));
  } else if (!config.url?.startsWith('https://'))
    errors.push(
      invalidField(
        `${at}.url`,
        config.url,
        `'https' is the only allowed URL scheme; desired format: https://host[/path]`,
      ),
    );
  const versions = webhook?.conversionReviewVersions ?? [];
  const path = 'spec.conversion.conversionReviewVersions';
  if (versions.length === 0) errors.push(requiredField(path));
  else if (!versions.includes('v1') && !versions.includes('v1beta1'))
    errors.push(invalidField(path, versions, 'must include at least one of v1, v1beta1'));
  return errors;
}

/** Groups of Kubernetes itself are for kinds that its API review has seen. */
function validateApproval(
  { metadata, spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!protectedGroupPattern.test(spec.group)) return [];
  const at = `metadata.annotations[${approvalAnnotation}]`;
  const value = metadata.annotations?.[approvalAnnotation];
  if (old && old.metadata.annotations?.[approvalAnnotation] === value) return [];
  const link = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (!value)
    return [
      requiredField(
        at,
        `protected groups must have approval annotation "${approvalAnnotation}", ${link}`,
      ),
    ];
  if (value.startsWith('unapproved') || /^https?:\/\/[^/]+/.test(value)) return [];
  return [
    invalidField(
      at,
      value,
      `protected groups must have approval annotation "${approvalAnnotation}" with either a URL or a reason starting with "unapproved", ${link}`,
    ),
  ];
}

function validateUpdate(
  { spec, status }: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
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
  const stored = status?.storedVersions ?? [];
  for (const [index, version] of stored.entries())
    if (!spec.versions.some(({ name }) => name === version))
      errors.push(
        invalidField(
          `status.storedVersions[${index}]`,
          version,
          `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`,
        ),
      );
  return errors;
}
