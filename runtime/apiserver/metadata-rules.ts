/**
 * What holds for the metadata of every kind: valid names, labels, annotations, finalizers and
 * owners. Pure. Source: k8s.io/apimachinery pkg/api/validation/objectmeta.go (rules and words).
 */
import {
  dnsLabelProblems,
  labelKeyProblems,
  labelValueProblems,
  pathSegmentProblems,
  qualifiedNameProblems,
  subdomainProblems,
} from '../apis/meta/name-rules.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../apis/meta/object.ts';
import { isJsonObject } from './json-value.ts';
import type { StatusCause } from './status-error.ts';

/** All annotations of one object together, as upstream. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;

/** Groups whose kinds take finalizers with a domain and a few names of the API's own. */
const groupsOfStandardFinalizers = new Set([
  'v1',
  'apps',
  'batch',
  'autoscaling',
  'policy',
  'networking.k8s.io',
  'discovery.k8s.io',
  'rbac.authorization.k8s.io',
  'scheduling.k8s.io',
  'storage.k8s.io',
  'certificates.k8s.io',
  'node.k8s.io',
]);
const standardFinalizers = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

const FINALIZERS_THAT_EXCLUDE_EACH_OTHER = ['orphan', 'foregroundDeletion'] as const;

type NameRule = (text: string) => string[];

/** Kinds whose names are not DNS subdomains. */
const nameRules: Readonly<Record<string, NameRule>> = {
  '/namespaces': dnsLabelProblems,
  '/services': dnsLabelProblems,
  'rbac.authorization.k8s.io/roles': pathSegmentProblems,
  'rbac.authorization.k8s.io/rolebindings': pathSegmentProblems,
  'rbac.authorization.k8s.io/clusterroles': pathSegmentProblems,
  'rbac.authorization.k8s.io/clusterrolebindings': pathSegmentProblems,
};

/** All problems of an object's metadata, as causes of one 422. */
export function validateMetadata(object: KubeObject, storeName: string): StatusCause[] {
  const { metadata } = object;
  return [
    ...validateName(metadata, nameRules[storeName] ?? subdomainProblems),
    ...validateGeneration(metadata),
    ...validateLabels(metadata),
    ...validateAnnotations(metadata),
    ...validateOwners(metadata),
    ...validateFinalizers(metadata),
    ...(hasStandardFinalizers(object) ? validateStandardFinalizers(metadata) : []),
  ];
}

const invalid = (field: string, value: unknown, problem: string): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value) ?? 'undefined'}: ${problem}`,
  field,
});

function validateName({ name, generateName }: ObjectMeta, rule: NameRule): StatusCause[] {
  const causes: StatusCause[] = [];
  if (typeof generateName === 'string' && generateName !== '')
    // What follows is random letters and digits: a dash at the end is none at the end of the name.
    for (const problem of rule(generateName.replace(/(?!^).?-$/, 'a')))
      causes.push(invalid('metadata.generateName', generateName, problem));
  if (typeof name !== 'string' || name === '')
    causes.push({
      reason: 'FieldValueRequired',
      message: 'Required value: name or generateName is required',
      field: 'metadata.name',
    });
  else for (const problem of rule(name)) causes.push(invalid('metadata.name', name, problem));
  return causes;
}

function validateGeneration({ generation }: ObjectMeta): StatusCause[] {
  return generation !== undefined && generation < 0
    ? [invalid('metadata.generation', generation, 'must be greater than or equal to 0')]
    : [];
}

function validateLabels({ labels }: ObjectMeta): StatusCause[] {
  if (labels === undefined) return [];
  const field = 'metadata.labels';
  if (!isJsonObject(labels)) return [invalid(field, labels, 'must be a map of strings')];
  return Object.entries(labels).flatMap(([key, value]) => [
    ...labelKeyProblems(key).map((problem) => invalid(field, key, problem)),
    ...(typeof value === 'string' ? labelValueProblems(value) : ['must be a string']).map(
      (problem) => invalid(field, value, problem),
    ),
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
      ...labelKeyProblems(key.toLowerCase()).map((problem) => invalid(field, key, problem)),
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
  const causes = finalizers.flatMap((finalizer) =>
    typeof finalizer === 'string'
      ? qualifiedNameProblems(finalizer).map((problem) => invalid(field, finalizer, problem))
      : [invalid(field, finalizer, 'must be a string')],
  );
  if (FINALIZERS_THAT_EXCLUDE_EACH_OTHER.every((name) => finalizers.includes(name)))
    causes.push(
      invalid(
        field,
        finalizers,
        `finalizer ${FINALIZERS_THAT_EXCLUDE_EACH_OTHER.join(' and ')} cannot be both set`,
      ),
    );
  return causes;
}

const hasStandardFinalizers = ({ apiVersion }: KubeObject): boolean =>
  groupsOfStandardFinalizers.has(apiVersion.split('/')[0] ?? '');

function validateStandardFinalizers({ finalizers = [] }: ObjectMeta): StatusCause[] {
  if (!Array.isArray(finalizers)) return [];
  return finalizers.flatMap((name, index) =>
    typeof name !== 'string' || name.includes('/') || standardFinalizers.has(name)
      ? []
      : [
          invalid(
            `metadata.finalizers[${index}]`,
            name,
            'name is neither a standard finalizer name nor is it fully qualified',
          ),
        ],
  );
}

function validateOwners({ ownerReferences }: ObjectMeta): StatusCause[] {
  if (ownerReferences === undefined) return [];
  const field = 'metadata.ownerReferences';
  if (!Array.isArray(ownerReferences)) return [invalid(field, ownerReferences, 'must be a list')];
  if (!ownerReferences.every((reference) => isJsonObject(reference)))
    return [invalid(field, ownerReferences, 'must be a list of references')];
  const causes = ownerReferences.flatMap((reference) => validateOwner(reference, field));
  let controller: string | undefined;
  for (const reference of ownerReferences) {
    if (reference?.controller !== true) continue;
    if (controller !== undefined)
      causes.push(
        invalid(
          field,
          ownerReferences,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${reference.kind}/${reference.name}`,
        ),
      );
    controller ??= `${reference.kind}/${reference.name}`;
  }
  return causes;
}

function validateOwner(reference: OwnerReference, field: string): StatusCause[] {
  const { apiVersion, kind } = reference;
  const causes = (['apiVersion', 'kind', 'name', 'uid'] as const)
    .filter((key) => typeof reference[key] !== 'string' || reference[key] === '')
    .map((key) =>
      invalid(
        `${field}.${key}`,
        reference[key] ?? '',
        key === 'apiVersion' ? 'version must not be empty' : 'must not be empty',
      ),
    );
  // Events come and go by themselves: what they owned would go with them.
  if (apiVersion === 'v1' && kind === 'Event')
    causes.push(invalid(field, reference, '/v1, Kind=Event is disallowed from being an owner'));
  return causes;
}
