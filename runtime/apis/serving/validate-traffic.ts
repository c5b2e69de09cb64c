/** Traffic blocks of Services and Routes. Source: knative.dev/serving pkg/apis/serving/v1/route_validation.go. */
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, outOfBounds, under } from '../meta/field-error.ts';
import { dns1035Faults, qualifiedNameFaults } from './name-faults.ts';
import type { TrafficTarget } from './types.ts';

const PERCENT_SUM = 100;
const path = 'spec.traffic';

/** `owner` tells which rule holds for `configurationName`: a Service implies it, a Route needs it. */
export function validateTraffic(
  traffic: readonly TrafficTarget[] | undefined,
  owner: 'Service' | 'Route',
): readonly FieldError[] {
  const isList = traffic === undefined || Array.isArray(traffic);
  if (!isList || traffic?.some((target) => typeof target !== 'object' || target === null))
    return [invalidValue(JSON.stringify(traffic), path, 'must be a list of objects')];
  const errors: FieldError[] = [];
  const firstIndexByTag = new Map<string, number>();
  let sum = 0;
  for (const [index, target] of (traffic ?? []).entries()) {
    const at = `${path}[${index}]`;
    errors.push(...under(at, validateTarget(target, owner)));
    sum += target.percent ?? 0;
    if (!target.tag) continue;
    const faults = dns1035Faults(target.tag);
    // The index after the field is upstream's path for this one error.
    if (faults.length > 0)
      errors.push(
        invalidValue(`not a DNS 1035 label: [${faults.join(' ')}]`, `${path}.tag[${index}]`),
      );
    const first = firstIndexByTag.get(target.tag);
    if (first === undefined) firstIndexByTag.set(target.tag, index);
    else
      errors.push({
        message: `Multiple definitions for "${target.tag}"`,
        paths: [`${path}[${first}].tag`, `${at}.tag`],
      });
  }
  if (sum !== PERCENT_SUM)
    errors.push({ message: `Traffic targets sum to ${sum}, want ${PERCENT_SUM}`, paths: [path] });
  return errors;
}

/** Paths begin at the target. */
function validateTarget(target: TrafficTarget, owner: 'Service' | 'Route'): readonly FieldError[] {
  const { revisionName = '', latestRevision, percent = 0, url } = target;
  const isPinned = revisionName !== '';
  const isContradiction = latestRevision !== undefined && latestRevision === isPinned;
  const isPercent = Number.isInteger(percent) && percent >= 0 && percent <= PERCENT_SUM;
  return [
    ...(isContradiction
      ? [
          {
            message: `may not set revisionName "${revisionName}" when latestRevision is ${latestRevision}`,
            paths: ['latestRevision'],
          },
        ]
      : []),
    ...validateReference(target, owner),
    ...(isPercent ? [] : [outOfBounds(percent, 0, PERCENT_SUM, 'percent')]),
    ...(url ? [disallowedField('url')] : []),
  ];
}

function validateReference(
  { revisionName = '', configurationName = '' }: TrafficTarget,
  owner: 'Service' | 'Route',
): readonly FieldError[] {
  const isOwnedByService = owner === 'Service';
  if (isOwnedByService && configurationName !== '') return [disallowedField('configurationName')];
  if (revisionName !== '' && configurationName !== '')
    return [
      {
        message: 'expected exactly one, got both',
        paths: ['configurationName', 'revisionName'],
      },
    ];
  if (revisionName !== '') return validateReferredName('revisionName', revisionName);
  if (configurationName !== '') return validateReferredName('configurationName', configurationName);
  if (isOwnedByService) return [];
  return [
    {
      message: 'expected exactly one, got neither',
      paths: ['configurationName', 'revisionName'],
    },
  ];
}

function validateReferredName(field: string, name: string): readonly FieldError[] {
  const faults = qualifiedNameFaults(name);
  if (faults.length === 0) return [];
  return [{ message: `invalid key name "${name}"`, paths: [field], details: faults.join(', ') }];
}
