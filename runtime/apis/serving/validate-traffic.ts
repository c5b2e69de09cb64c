/** Traffic blocks of Services and Routes. Source: knative.dev/serving pkg/apis/serving/v1/route_validation.go. */
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, outOfBounds } from '../meta/field-error.ts';
import { dns1035Fault } from './validate-metadata.ts';
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
    errors.push(...validateReference(target, at, owner), ...validateLatest(target, at));
    if (target.url) errors.push(disallowedField(`${at}.url`));
    const percent = target.percent ?? 0;
    if (!Number.isInteger(percent) || percent < 0 || percent > PERCENT_SUM)
      errors.push(outOfBounds(percent, 0, PERCENT_SUM, `${at}.percent`));
    sum += percent;
    if (!target.tag) continue;
    const fault = dns1035Fault(target.tag);
    // The index after the field is upstream's path for this one error.
    if (fault)
      errors.push({
        message: `not a DNS 1035 label: [${fault}]`,
        paths: [`${path}.tag[${index}]`],
      });
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

function validateReference(
  target: TrafficTarget,
  at: string,
  owner: 'Service' | 'Route',
): readonly FieldError[] {
  const hasRevision = (target.revisionName ?? '') !== '';
  const hasConfiguration = (target.configurationName ?? '') !== '';
  if (owner === 'Service')
    return hasConfiguration ? [disallowedField(`${at}.configurationName`)] : [];
  if (hasRevision !== hasConfiguration) return [];
  const message = `expected exactly one, got ${hasRevision ? 'both' : 'neither'}`;
  return [{ message, paths: [`${at}.configurationName`, `${at}.revisionName`] }];
}

function validateLatest(target: TrafficTarget, at: string): readonly FieldError[] {
  const hasRevision = (target.revisionName ?? '') !== '';
  const latestPath = `${at}.latestRevision`;
  if (target.latestRevision === true && hasRevision)
    return [
      {
        message: `may not set revisionName "${target.revisionName}" when latestRevision is true`,
        paths: [latestPath],
      },
    ];
  return target.latestRevision === false && !hasRevision ? [invalidValue(false, latestPath)] : [];
}
