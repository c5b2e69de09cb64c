/**
 * Probes of a Revision's containers. A readiness probe without a period is Knative's own: as often
 * as it takes to find out at once. Source: knative.dev/serving pkg/apis/serving/k8s_validation.go.
 */
import type { Container, Probe } from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, outOfBounds, under } from '../meta/field-error.ts';
import type { Features } from './features.ts';
import { disallowedFields, probeFields } from './pod-fields.ts';

const INT32_MAX = 2_147_483_647;
const handlers = ['httpGet', 'tcpSocket', 'exec', 'grpc'] as const;
const probeNames = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

export interface ProbeOptions {
  readonly role: 'serving' | 'sidecar' | 'init';
  /** Name of the port that requests go to. */
  readonly portName: string;
  readonly features: Features;
}

/** Paths begin at the container. */
export function validateProbes(container: Container, options: ProbeOptions): readonly FieldError[] {
  const { role, features } = options;
  return probeNames.flatMap((field) => {
    const probe = container[field];
    if (!probe) return [];
    if (role === 'init')
      return [{ message: 'field not allowed in an init container', paths: [field] }];
    if (role === 'sidecar' && features['multi-container-probing'] !== 'Enabled')
      return under(field, disallowedProbe(probe));
    const errors = validateProbe(probe, options);
    return under(field, field === 'readinessProbe' ? [...errors, ...validatePace(probe)] : errors);
  });
}

/** Upstream names each field of the probe that is set; a handler is embedded, so it is the probe itself. */
function disallowedProbe(probe: Probe): readonly FieldError[] {
  const fields = Object.entries(probe)
    .filter(([, value]) => value !== 0 && value !== undefined)
    .map(([field]) => (handlers.some((handler) => handler === field) ? '' : field));
  return fields.length === 0 ? [] : [disallowedField(...fields)];
}

function validateProbe(probe: Probe, { role, portName }: ProbeOptions): readonly FieldError[] {
  const errors: FieldError[] = [...disallowedFields(probe, probeFields)];
  for (const handler of ['httpGet', 'tcpSocket'] as const) {
    if (!probe[handler]) continue;
    const { port = 0 } = probe[handler];
    if (role === 'serving') {
      if (typeof port === 'string' && port !== '' && port !== portName)
        errors.push(invalidValue(port, `${handler}.port`, 'Probe port must match container port'));
    } else if (port === 0 || port === '')
      errors.push(invalidValue(port, `${handler}.port`, 'Probe port must be specified'));
  }
  const present = handlers.filter((handler) => probe[handler] !== undefined);
  // Upstream spells the last of them differently when there are several.
  const paths = present.map((handler) => (handler === 'grpc' ? 'gRPC' : handler));
  if (present.length === 0)
    errors.push({ message: 'expected exactly one, got neither', paths: handlers });
  else if (present.length > 1) errors.push({ message: 'expected exactly one, got both', paths });
  return errors;
}

function validatePace(probe: Probe): readonly FieldError[] {
  const { periodSeconds = 0, initialDelaySeconds = 0, successThreshold = 0 } = probe;
  const { failureThreshold = 0, timeoutSeconds = 0 } = probe;
  const errors: FieldError[] = [];
  const atLeast = (field: string, value: number, min: number): void => {
    if (value < min) errors.push(outOfBounds(value, min, INT32_MAX, field));
  };
  atLeast('periodSeconds', periodSeconds, 0);
  atLeast('initialDelaySeconds', initialDelaySeconds, 0);
  atLeast('successThreshold', successThreshold, 1);
  if (periodSeconds !== 0) {
    atLeast('timeoutSeconds', timeoutSeconds, 1);
    atLeast('failureThreshold', failureThreshold, 1);
    return errors;
  }
  for (const [field, value] of Object.entries({ failureThreshold, timeoutSeconds }))
    if (value !== 0)
      errors.push({
        message: `${field} is disallowed when periodSeconds is zero`,
        paths: [field],
      });
  return errors;
}
