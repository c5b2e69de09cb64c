/**
 * What holds for the metadata of every kind: valid names, labels and owners, and which fields only
 * the server may set. Pure. Source: k8s.io/apimachinery pkg/api/validation (rules).
 */
import type { KubeObject, ObjectMeta } from '../apis/meta/object.ts';
import { isJsonObject } from './json-value.ts';
import type { StatusCause } from './status-error.ts';

const NAME_LENGTH_MAX = 253;
const LABEL_LENGTH_MAX = 63;
/** All annotations of one object together, as upstream. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

const labelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const serviceNamePattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const subdomainPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualifiedNamePattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const labelValuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

type NameRule = 'subdomain' | 'label' | 'serviceName' | 'pathSegment';

/** Kinds whose names are not DNS subdomains. */
const nameRules: Readonly<Record<string, NameRule>> = {
  '/namespaces': 'label',
  '/services': 'serviceName',
  'rbac.authorization.k8s.io/roles': 'pathSegment',
  'rbac.authorization.k8s.io/rolebindings': 'pathSegment',
  'rbac.authorization.k8s.io/clusterroles': 'pathSegment',
  'rbac.authorization.k8s.io/clusterrolebindings': 'pathSegment',
};

const ruleTexts: Readonly<Record<NameRule, string>> = {
  subdomain: `must be a lowercase RFC 1123 subdomain: lower case letters, digits, '-' and '.', starting and ending with a letter or digit (e.g. 'example.com')`,
  label: `must be a lowercase RFC 1123 label: lower case letters, digits and '-', starting and ending with a letter or digit (e.g. 'my-name')`,
  serviceName: `must be a DNS-1035 label: lower case letters, digits and '-', starting with a letter and ending with a letter or digit (e.g. 'my-name')`,
  pathSegment: `must be usable as a path segment: not '.', not '..', without '/' and '%'`,
};

/** All problems of an object's metadata, as causes of one 422. */
export function validateMetadata(object: KubeObject, storeName: string): StatusCause[] {
  const { metadata } = object;
  return [
    ...validateName(metadata.name, storeName),
    ...validateLabels(metadata),
    ...validateAnnotations(metadata),
    ...validateFinalizers(metadata),
    ...validateOwners(metadata),
  ];
}

const invalid = (field: string, value: unknown, message: string): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value) ?? 'undefined'}: ${message}`,
  field,
});

function validateName(name: unknown, storeName: string): StatusCause[] {
  const field = 'metadata.name';
  if (typeof name !== 'string' || name === '')
    return [
      {
        reason: 'FieldValueRequired',
        message: 'Required value: name or generateName is required',
        field,
      },
    ];
  const rule = nameRules[storeName] ?? 'subdomain';
  const lengthMax = rule === 'label' || rule === 'serviceName' ? LABEL_LENGTH_MAX : NAME_LENGTH_MAX;
  if (name.length > lengthMax)
    return [invalid(field, name, `must be no more than ${lengthMax} characters`)];
  return matchesRule(name, rule) ? [] : [invalid(field, name, ruleTexts[rule])];
}

function matchesRule(name: string, rule: NameRule): boolean {
  if (rule === 'label') return labelPattern.test(name);
  if (rule === 'serviceName') return serviceNamePattern.test(name);
  if (rule === 'subdomain') return subdomainPattern.test(name);
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return name !== '.' && name !== '..' && !/[/%\u0000-\u001f]/.test(name);
}

function validateLabels({ labels }: ObjectMeta): StatusCause[] {
  if (labels === undefined) return [];
  const field = 'metadata.labels';
  if (!isJsonObject(labels)) return [invalid(field, labels, 'must be a map of strings')];
  return Object.entries(labels).flatMap(([key, value]) => [
    ...validateQualifiedName(key, field),
    ...(typeof value === 'string' &&
    value.length <= LABEL_LENGTH_MAX &&
    labelValuePattern.test(value)
      ? []
      : [
          invalid(
            field,
            value,
            `a label's value must be empty or at most ${LABEL_LENGTH_MAX} letters, digits, '-', '_' and '.', starting and ending with a letter or digit`,
          ),
        ]),
  ]);
}

function validateAnnotations({ annotations }: ObjectMeta): StatusCause[] {
  if (annotations === undefined) return [];
  const field = 'metadata.annotations';
  if (!isJsonObject(annotations)) return [invalid(field, annotations, 'must be a map of strings')];
  let bytes = 0;
  const causes = Object.entries(annotations).flatMap(([key, value]) => {
    bytes += key.length + (typeof value === 'string' ? value.length : 0);
    return [
      // As upstream: an annotation's key is judged without regard to case.
      ...validateQualifiedName(key.toLowerCase(), field),
      ...(typeof value === 'string' ? [] : [invalid(field, value, 'must be a string')]),
    ];
  });
  if (bytes > ANNOTATIONS_BYTES_MAX)
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${ANNOTATIONS_BYTES_MAX} bytes`,
      field,
    });
  return causes;
}

function validateFinalizers({ finalizers }: ObjectMeta): StatusCause[] {
  if (finalizers === undefined) return [];
  const field = 'metadata.finalizers';
  if (!Array.isArray(finalizers)) return [invalid(field, finalizers, 'must be a list of strings')];
  return finalizers.flatMap((finalizer) =>
    typeof finalizer === 'string'
      ? validateQualifiedName(finalizer, field)
      : [invalid(field, finalizer, 'must be a string')],
  );
}

function validateOwners({ ownerReferences }: ObjectMeta): StatusCause[] {
  if (ownerReferences === undefined) return [];
  const field = 'metadata.ownerReferences';
  if (!Array.isArray(ownerReferences)) return [invalid(field, ownerReferences, 'must be a list')];
  const causes = ownerReferences.flatMap((reference, index) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((key) => typeof reference?.[key] !== 'string' || reference[key] === '')
      .map((key) => ({
        reason: 'FieldValueRequired',
        message: 'Required value: must not be empty',
        field: `${field}[${index}].${key}`,
      })),
  );
  if (ownerReferences.filter((reference) => reference?.controller === true).length > 1)
    causes.push({
      reason: 'FieldValueInvalid',
      message: 'Invalid value: only one reference can have controller set to true',
      field,
    });
  return causes;
}

/** `name` or `prefix.example.com/name`. */
function validateQualifiedName(key: string, field: string): StatusCause[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (name.length > LABEL_LENGTH_MAX || !qualifiedNamePattern.test(name))
    return [
      invalid(
        field,
        key,
        `a name must be 1 to ${LABEL_LENGTH_MAX} letters, digits, '-', '_' and '.', starting and ending with a letter or digit`,
      ),
    ];
  if (prefix !== undefined && (prefix.length > NAME_LENGTH_MAX || !subdomainPattern.test(prefix)))
    return [invalid(field, key, `the prefix ${ruleTexts.subdomain}`)];
  return [];
}
