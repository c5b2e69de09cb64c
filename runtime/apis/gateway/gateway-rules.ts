/**
 * Gateway and GatewayClass: columns, defaults, and the rules without which they mean nothing. Fields
 * beyond them are kept as they are. Source: Gateway API v1 (rules of its schema).
 */
import { type FieldError, invalidValue, missingField } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition } from '../meta/kind-definition.ts';
import { type Gateway, gatewayClassKind, type GatewayClass, gatewayKind } from './types.ts';

const LISTENERS_MAX = 64;
const PORT_MAX = 65_535;
const sectionNamePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const controllerNamePattern = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/;

const conditionStatus = (type: string): string => `.status.conditions[?(@.type=="${type}")].status`;

export const gatewayDefinition: KindDefinition<Gateway> = {
  ...gatewayKind,
  singular: 'gateway',
  shortNames: ['gtw'],
  categories: ['gateway-api'],
  hasStatus: true,
  columns: [
    { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
    { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
    { name: 'Programmed', type: 'string', jsonPath: conditionStatus('Programmed') },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  applyDefaults(object) {
    const spec = object.spec as Gateway['spec'] | undefined;
    if (!spec || !Array.isArray(spec.listeners)) return object;
    const listeners = spec.listeners.map((listener) => ({
      ...listener,
      allowedRoutes: { namespaces: { from: 'Same' }, ...listener.allowedRoutes },
    }));
    return { ...object, spec: { ...spec, listeners } };
  },
  validate: (object) => validateGateway(object.spec),
};

export const gatewayClassDefinition: KindDefinition<GatewayClass> = {
  ...gatewayClassKind,
  singular: 'gatewayclass',
  shortNames: ['gc'],
  categories: ['gateway-api'],
  hasStatus: true,
  columns: [
    { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
    { name: 'Accepted', type: 'string', jsonPath: conditionStatus('Accepted') },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Description', type: 'string', jsonPath: '.spec.description', priority: 1 },
  ],
  validate: validateGatewayClass,
};

function validateGateway(spec: Gateway['spec'] | undefined): FieldError[] {
  if (!spec) return [missingField('spec')];
  const errors: FieldError[] = [];
  if (!spec.gatewayClassName) errors.push(missingField('spec.gatewayClassName'));
  const { listeners } = spec;
  if (!Array.isArray(listeners) || listeners.length === 0)
    return [...errors, missingField('spec.listeners')];
  if (listeners.length > LISTENERS_MAX)
    errors.push(invalidValue(listeners.length, 'spec.listeners', `at most ${LISTENERS_MAX} items`));
  const names = new Set<string>();
  listeners.forEach(({ name, port, protocol }, index) => {
    const path = `spec.listeners[${index}]`;
    if (!name) errors.push(missingField(`${path}.name`));
    else if (!sectionNamePattern.test(name)) errors.push(invalidValue(name, `${path}.name`));
    else if (names.has(name))
      errors.push(
        invalidValue(name, `${path}.name`, 'Listener name must be unique within the Gateway'),
      );
    names.add(name);
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
      errors.push(invalidValue(port, `${path}.port`));
    if (!protocol) errors.push(missingField(`${path}.protocol`));
  });
  return errors;
}

function validateGatewayClass(object: GatewayClass, context: AdmissionContext): FieldError[] {
  const spec = object.spec as GatewayClass['spec'] | undefined;
  if (!spec?.controllerName) return [missingField('spec.controllerName')];
  const errors: FieldError[] = [];
  if (!controllerNamePattern.test(spec.controllerName))
    errors.push(invalidValue(spec.controllerName, 'spec.controllerName'));
  const old = context.old as GatewayClass | undefined;
  if (old && old.spec.controllerName !== spec.controllerName)
    errors.push(invalidValue(spec.controllerName, 'spec.controllerName', 'Value is immutable'));
  return errors;
}
