/**
 * Defaults and validation of a kind, and how their refusal reads: Knative's kinds answer as their
 * webhook does, all others as a built-in kind does. Runs the same functions as the webhook server
 * of a cluster installation. Other people's webhooks are in admission/.
 */
import type { FieldError } from '../apis/meta/field-error.ts';
import { formatFieldErrors } from '../apis/meta/field-error.ts';
import type { AdmissionContext } from '../apis/meta/kind-definition.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import type { Resource } from './kind-registry.ts';
import { validateMetadata } from './metadata-rules.ts';
import { StatusError, type StatusCause } from './status-error.ts';

const KNATIVE_GROUP_SUFFIX = '.knative.dev';
const eventingGroups = ['eventing', 'messaging', 'sources', 'flows', 'sinks'];

/** The object with its kind's defaults filled in; itself where there is nothing to fill in. */
export function withDefaults(
  { definition }: Resource,
  object: KubeObject,
  context: AdmissionContext,
): KubeObject {
  return definition.applyDefaults ? definition.applyDefaults(object, context) : object;
}

/** @throws {StatusError} 400 or 422 with every problem found. */
export function assertValid(
  resource: Resource,
  object: KubeObject,
  context: AdmissionContext,
): void {
  const causes = validateMetadata(object, resource.storeName);
  if (causes.length > 0) throw StatusError.invalid(resource, object.metadata.name ?? '', causes);
  assertNoFieldErrors(resource, object, resource.definition.validate?.(object, context) ?? []);
}

/** For a path that writes metadata beside a part that nobody validates. @throws {StatusError} 422 */
export function assertValidMetadata(resource: Resource, old: KubeObject, next: KubeObject): void {
  const before = old.metadata;
  const { labels, annotations, finalizers, ownerReferences } = next.metadata;
  const isSame =
    labels === before.labels &&
    annotations === before.annotations &&
    finalizers === before.finalizers &&
    ownerReferences === before.ownerReferences;
  const causes = isSame ? [] : validateMetadata(next, resource.storeName);
  if (causes.length > 0) throw StatusError.invalid(resource, next.metadata.name, causes);
}

/** @throws {StatusError} 400 or 422 that names every error, unless there is none. */
export function assertNoFieldErrors(
  resource: Resource,
  object: KubeObject,
  errors: readonly FieldError[],
): void {
  if (errors.length > 0) throw denial(resource, object, errors);
}

function denial(
  resource: Resource,
  object: KubeObject,
  errors: readonly FieldError[],
): StatusError {
  const isInOwnWords = errors.some(({ reason }) => reason !== undefined);
  if (!isInOwnWords && resource.group.endsWith(KNATIVE_GROUP_SUFFIX))
    return StatusError.badRequest(
      `admission webhook "${webhookName(resource.group)}" denied the request: validation failed: ${formatFieldErrors(errors)}`,
    );
  const causes = errors.flatMap(({ message, paths, details, reason }): StatusCause[] => {
    const text = details === undefined ? message : `${message}: ${details}`;
    const fields = paths.length === 0 ? [undefined] : paths;
    return fields.map((field) => ({
      reason: reason ?? reasonOf(message),
      message: text,
      ...(field === undefined ? {} : { field }),
    }));
  });
  // As upstream, which refuses the kind that it stores.
  return StatusError.invalid(
    resource.definition.face?.of ?? resource,
    object.metadata.name,
    causes,
  );
}

/** The first words of a field error say what kind it is. */
const reasons: readonly (readonly [string, string])[] = [
  ['Required value', 'FieldValueRequired'],
  ['Unsupported value', 'FieldValueNotSupported'],
  ['Forbidden', 'FieldValueForbidden'],
  ['Duplicate value', 'FieldValueDuplicate'],
  ['Not found', 'FieldValueNotFound'],
  ['Too long', 'FieldValueTooLong'],
  ['Too many', 'FieldValueTooMany'],
];

const reasonOf = (message: string): string =>
  reasons.find(([start]) => message.startsWith(start))?.[1] ?? 'FieldValueInvalid';

function webhookName(group: string): string {
  const part = group.slice(0, -KNATIVE_GROUP_SUFFIX.length);
  return eventingGroups.includes(part)
    ? 'validation.webhook.eventing.knative.dev'
    : 'validation.webhook.serving.knative.dev';
}
