/**
 * Defaulting and validation of a DomainMapping.
 * Source: knative.dev/serving pkg/apis/serving/v1beta1/domainmapping_{defaults,validation}.go.
 */
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, missingField, under } from '../meta/field-error.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import { stampUsers } from './defaults.ts';
import { dns1123LabelFaults, dns1123SubdomainFaults } from './name-faults.ts';
import { clusterDomain } from './names.ts';
import type { DomainMapping } from './types.ts';
import { validateUsers } from './validate-metadata.ts';

export function applyDomainMappingDefaults(
  mapping: DomainMapping,
  context?: AdmissionContext,
): DomainMapping {
  const given = (mapping.spec as DomainMapping['spec'] | undefined)?.ref ?? {};
  const namespace = given.namespace || mapping.metadata.namespace;
  const ref = { ...given, ...(namespace === undefined ? {} : { namespace }) };
  return stampUsers({ ...mapping, spec: { ...mapping.spec, ref } }, context);
}

export function validateDomainMapping(
  mapping: DomainMapping,
  context: AdmissionContext,
): readonly FieldError[] {
  const { name, generateName } = mapping.metadata;
  return [
    ...(generateName ? [disallowedField('metadata.generateName')] : []),
    ...validateDomainName(name),
    ...validateUsers(mapping, context),
    ...under('spec.ref', validateReference(mapping)),
  ];
}

function validateDomainName(name: string): readonly FieldError[] {
  const paths = ['metadata.name'];
  const errors: FieldError[] = [];
  const fault = domainNameFault(name);
  if (fault !== undefined)
    errors.push({ message: `invalid name ${JSON.stringify(name)}: ${fault}`, paths });
  if (name.endsWith(`.${clusterDomain}`))
    errors.push({
      message: `invalid name ${JSON.stringify(name)}: must not be a subdomain of cluster local domain ${JSON.stringify(clusterDomain)}`,
      paths,
    });
  return errors;
}

/** What keeps the name from being fully qualified. */
function domainNameFault(name: string): string | undefined {
  if (name === '') return 'name: Required value';
  const trimmed = name.replace(/\.$/, '');
  const quoted = JSON.stringify(trimmed);
  const faults = dns1123SubdomainFaults(trimmed);
  if (faults.length > 0) return `name: Invalid value: ${quoted}: ${faults.join('; ')}`;
  const labels = trimmed.split('.');
  if (labels.length < 2)
    return `name: Invalid value: ${quoted}: should be a domain with at least two segments separated by dots`;
  const label = labels.find((candidate) => dns1123LabelFaults(candidate).length > 0);
  if (label === undefined) return undefined;
  return `name: Invalid value: ${JSON.stringify(label)}: ${dns1123LabelFaults(label).join('; ')}`;
}

/** Paths begin at the reference. */
function validateReference({ metadata, spec }: DomainMapping): readonly FieldError[] {
  const { ref } = spec;
  const missing = (['name', 'apiVersion', 'kind'] as const).filter((field) => !ref[field]);
  const errors: FieldError[] = [];
  if (missing.length > 0) errors.push(missingField(...missing));
  if (ref.group) errors.push(disallowedField('group'));
  const { namespace } = metadata;
  if (ref.namespace && namespace && ref.namespace !== namespace)
    errors.push({
      message: 'mismatched namespaces',
      paths: ['namespace'],
      details: `parent namespace: ${JSON.stringify(namespace)} does not match ref: ${JSON.stringify(ref.namespace)}`,
    });
  return errors;
}
