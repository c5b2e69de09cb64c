/** Admission rules of the shared shapes: Destination and DeliverySpec. Source: knative.dev/pkg apis/duck/v1 destination.go, knative eventing apis/duck/v1 delivery_types.go (behaviour). */
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, missingField } from '../meta/field-error.ts';
import { parseIsoDurationMs } from './iso-duration.ts';
import type { DeliverySpec, Destination } from './types.ts';

export interface DestinationContext {
  /** Field path of the destination, e.g. `spec.subscriber`. */
  readonly path: string;
  /** Of the object that holds it. */
  readonly namespace: string;
}

export function validateDestination(
  destination: Destination | undefined,
  context: DestinationContext,
): FieldError[] {
  const { path, namespace } = context;
  if (!destination?.ref && destination?.uri === undefined)
    return [{ message: 'expected at least one, got none', paths: [`${path}.ref`, `${path}.uri`] }];
  const { ref, uri } = destination;
  const errors: FieldError[] = [];
  const isAbsolute = uri !== undefined && URL.canParse(uri);
  if (!ref && !(isAbsolute && new URL(uri).host !== ''))
    errors.push(invalidValue(uri, `${path}.uri`, 'Relative URI is not allowed when Ref is absent'));
  if (!ref) return errors;
  if (isAbsolute)
    errors.push({
      message: 'Absolute URI is not allowed when Ref is present',
      paths: [`${path}.ref`, `${path}.uri`],
    });
  for (const field of ['kind', 'name', 'apiVersion'] as const)
    if (!ref[field]) errors.push(missingField(`${path}.ref.${field}`));
  if (ref.namespace !== undefined && ref.namespace !== namespace)
    errors.push({
      message: 'mismatched namespaces',
      paths: [`${path}.ref.namespace`],
      details: `parent namespace: "${namespace}" does not match ref: "${ref.namespace}"`,
    });
  return errors;
}

const RETRIES_MAX = 2_147_483_647;

export function validateDelivery(
  delivery: DeliverySpec | undefined,
  context: DestinationContext,
): FieldError[] {
  if (!delivery) return [];
  const { path } = context;
  const errors: FieldError[] = [];
  const { retry, backoffPolicy, backoffDelay, timeout, retryAfterMax, format } = delivery;
  if (delivery.deadLetterSink)
    errors.push(
      ...validateDestination(delivery.deadLetterSink, {
        ...context,
        path: `${path}.deadLetterSink`,
      }),
    );
  if (retry !== undefined && (!Number.isInteger(retry) || retry < 0 || retry > RETRIES_MAX))
    errors.push(invalidValue(retry, `${path}.retry`));
  if (backoffPolicy !== undefined && backoffPolicy !== 'linear' && backoffPolicy !== 'exponential')
    errors.push(invalidValue(backoffPolicy, `${path}.backoffPolicy`));
  if (backoffDelay !== undefined && parseIsoDurationMs(backoffDelay) === undefined)
    errors.push(invalidValue(backoffDelay, `${path}.backoffDelay`));
  if (timeout !== undefined && !parseIsoDurationMs(timeout))
    errors.push(invalidValue(timeout, `${path}.timeout`));
  if (retryAfterMax !== undefined && parseIsoDurationMs(retryAfterMax) === undefined)
    errors.push(invalidValue(retryAfterMax, `${path}.retryAfterMax`));
  if (format !== undefined && format !== 'json' && format !== 'binary')
    errors.push(invalidValue(format, `${path}.format`));
  return errors;
}

/** Fills the reference's namespace with that of the object that holds it. */
export function defaultDestination<T extends Destination | undefined>(
  destination: T,
  namespace: string | undefined,
): T {
  if (!destination?.ref || destination.ref.namespace !== undefined || namespace === undefined)
    return destination;
  return { ...destination, ref: { ...destination.ref, namespace } };
}

/** A field that must not change after creation. */
export function validateImmutable(
  path: string,
  old: unknown,
  current: unknown,
): readonly FieldError[] {
  if (JSON.stringify(old) === JSON.stringify(current)) return [];
  return [{ ...disallowedField(path), message: 'Immutable fields changed' }];
}
