/**
 * Defaults and validation of a kind, and how their refusal reads: Knative's kinds answer as their
 * webhook does, all others as a built-in kind does. Runs the same functions as the webhook server
 * of a cluster installation. Admission webhooks of others are issue 3.
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

/** @returns the object with its defaults. @throws {StatusError} 400 or 422 with every problem found. */
export function admit(
  resource: Resource,
  object: KubeObject,
  context: AdmissionContext,
): KubeObject {
  const { definition } = resource;
  const defaulted = definition.applyDefaults ? definition.applyDefaults(object, context) : object;
  const causes = validateMetadata(defaulted, resource.storeName);
  if (causes.length > 0) throw StatusError.invalid(resource, object.metadata.name ?? '', causes);
  const errors = definition.validate?.(defaulted, context) ?? [];
  if (errors.length > 0) throw denial(resource, defaulted, errors);
  return defaulted;
}

function denial(
  resource: Resource,
  object: KubeObject,
  errors: readonly FieldError[],
): StatusError {
  if (resource.group.endsWith(KNATIVE_GROUP_SUFFIX))
    return StatusError.badRequest(
      `admission webhook "${webhookName(resource.group)}" denied the request: validation failed: ${formatFieldErrors(errors)}`,
    );
  const causes = errors.flatMap(({ message, paths, details }): StatusCause[] => {
    const text = details === undefined ? message : `${message}: ${details}`;
    const fields = paths.length === 0 ? [undefined] : paths;
    return fields.map((field) => ({
      reason: 'FieldValueInvalid',
      message: text,
      ...(field === undefined ? {} : { field }),
    }));
  });
  return StatusError.invalid(resource, object.metadata.name, causes);
}

function webhookName(group: string): string {
  const part = group.slice(0, -KNATIVE_GROUP_SUFFIX.length);
  return eventingGroups.includes(part)
    ? 'validation.webhook.eventing.knative.dev'
    : 'validation.webhook.serving.knative.dev';
}
