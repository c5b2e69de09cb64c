/** Admission rules of Trigger filters: one dialect each, valid attribute names, expressions that parse. */
import { parseCesql } from '../../cloudevents/cesql/parse.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue } from '../meta/field-error.ts';
import type { SubscriptionsAPIFilter } from './types.ts';

const ATTRIBUTE_NAME = /^[a-z][a-z0-9]*$/;
const DIALECTS = ['exact', 'prefix', 'suffix', 'all', 'any', 'not', 'cesql'] as const;
/** Deeper filters would only serve to exhaust the stack. */
const DEPTH_MAX = 32;

export function validateAttributeNames(
  attributes: Readonly<Record<string, unknown>>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(attributes)) {
    if (!ATTRIBUTE_NAME.test(name))
      errors.push({
        message: `invalid key name "${name}"`,
        paths: [path],
        details:
          'Attribute name must start with a letter and can only contain lowercase alphanumeric',
      });
    if (typeof value !== 'string')
      errors.push(invalidValue(value, `${path}[${name}]`, 'must be a string'));
  }
  return errors;
}

export function validateFilters(
  filters: readonly SubscriptionsAPIFilter[] | undefined,
  path: string,
  depth = 0,
): FieldError[] {
  return (filters ?? []).flatMap((filter, index) =>
    validateFilter(filter, `${path}[${index}]`, depth),
  );
}

function validateFilter(filter: SubscriptionsAPIFilter, path: string, depth: number): FieldError[] {
  if (depth > DEPTH_MAX) return [invalidValue(depth, path, `nested deeper than ${DEPTH_MAX}`)];
  const used = DIALECTS.filter((dialect) => filter[dialect] !== undefined);
  if (used.length > 1)
    return [
      {
        message: 'multiple dialects found, filters can have only one dialect set',
        paths: used.map((dialect) => `${path}.${dialect}`),
      },
    ];
  const errors: FieldError[] = [];
  for (const dialect of ['exact', 'prefix', 'suffix'] as const)
    if (filter[dialect])
      errors.push(...validateAttributeNames(filter[dialect], `${path}.${dialect}`));
  errors.push(...validateFilters(filter.all, `${path}.all`, depth + 1));
  errors.push(...validateFilters(filter.any, `${path}.any`, depth + 1));
  if (filter.not) errors.push(...validateFilter(filter.not, `${path}.not`, depth + 1));
  if (filter.cesql !== undefined && filter.cesql.trim() !== '')
    errors.push(...validateCesql(filter.cesql, `${path}.cesql`));
  return errors;
}

function validateCesql(text: string, path: string): FieldError[] {
  try {
    parseCesql(text);
    return [];
  } catch (error) {
    return [invalidValue(text, path, (error as Error).message)];
  }
}
