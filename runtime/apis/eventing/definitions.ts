/**
 * Broker and Trigger as the API server serves them: defaults, validation, columns.
 * Source: Knative Eventing 1.19 pkg/apis/eventing/v1 (behaviour); the default delivery is that of
 * its shipped config-br-defaults. `spec.config` is kept but not needed: the log has no channel.
 */
import type { FieldError } from '../meta/field-error.ts';
import { missingField } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition, PrinterColumn } from '../meta/kind-definition.ts';
import { brokerClassAnnotation, defaultBrokerClass } from './broker-class.ts';
import type { Broker, Trigger } from './types.ts';
import { brokerKind, triggerKind } from './types.ts';
import {
  defaultDestination,
  validateDelivery,
  validateDestination,
  validateImmutable,
} from './validate-destination.ts';
import { validateAttributeNames, validateFilters } from './validate-filters.ts';

/** On a Trigger: a JSON reference to an object whose readiness gates it. */
export const dependencyAnnotation = 'knative.dev/dependency';
/** On Triggers, set by defaulting. */
export const brokerLabel = 'eventing.knative.dev/broker';

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const ready: readonly PrinterColumn[] = [
  { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].reason' },
];

const brokerDefinition: KindDefinition<Broker> = {
  ...brokerKind,
  singular: 'broker',
  categories: ['all', 'knative', 'eventing'],
  hasStatus: true,
  columns: [{ name: 'URL', type: 'string', jsonPath: '.status.address.url' }, age, ...ready],
  applyDefaults: defaultBroker,
  validate: validateBroker,
};

const triggerDefinition: KindDefinition<Trigger> = {
  ...triggerKind,
  singular: 'trigger',
  categories: ['all', 'knative', 'eventing'],
  hasStatus: true,
  columns: [
    { name: 'Broker', type: 'string', jsonPath: '.spec.broker' },
    { name: 'Subscriber_URI', type: 'string', jsonPath: '.status.subscriberUri' },
    age,
    ...ready,
  ],
  applyDefaults: defaultTrigger,
  validate: validateTrigger,
};

export const eventingDefinitions: readonly KindDefinition[] = [
  brokerDefinition,
  triggerDefinition,
] as unknown as readonly KindDefinition[];

function defaultBroker(broker: Broker): Broker {
  const { namespace, annotations } = broker.metadata;
  const spec = broker.spec ?? {};
  const delivery = spec.delivery ?? {
    retry: 10,
    backoffPolicy: 'exponential' as const,
    backoffDelay: 'PT0.2S',
  };
  const deadLetterSink = defaultDestination(delivery.deadLetterSink, namespace);
  return {
    ...broker,
    metadata: {
      ...broker.metadata,
      annotations: { [brokerClassAnnotation]: defaultBrokerClass, ...annotations },
    },
    spec: {
      ...spec,
      ...(spec.config
        ? { config: { ...spec.config, ...withNamespace(spec.config.namespace ?? namespace) } }
        : {}),
      delivery: deadLetterSink ? { ...delivery, deadLetterSink } : delivery,
    },
  };
}

const withNamespace = (namespace: string | undefined): { namespace?: string } =>
  namespace === undefined ? {} : { namespace };

function validateBroker(broker: Broker, context: AdmissionContext): readonly FieldError[] {
  const { namespace = '', annotations } = broker.metadata;
  const errors = validateDelivery(broker.spec?.delivery, { path: 'spec.delivery', namespace });
  const config = broker.spec?.config;
  if (config)
    for (const field of ['kind', 'name', 'apiVersion'] as const)
      if (!config[field]) errors.push(missingField(`spec.config.${field}`));
  const old: Broker | undefined = context.old;
  if (old) {
    errors.push(...validateImmutable('spec.config', old.spec?.config, config));
    const classOf = (of: Broker['metadata']['annotations']): string | undefined =>
      of?.[brokerClassAnnotation];
    const path = `metadata.annotations[${brokerClassAnnotation}]`;
    errors.push(
      ...validateImmutable(path, classOf(old.metadata.annotations), classOf(annotations)),
    );
  }
  return errors;
}

function defaultTrigger(trigger: Trigger): Trigger {
  const { metadata } = trigger;
  // A body without a spec is validation's to refuse, not defaulting's to trip over.
  const spec = (trigger.spec as Trigger['spec'] | undefined) ?? ({} as Trigger['spec']);
  const delivery = spec.delivery;
  const deadLetterSink = defaultDestination(delivery?.deadLetterSink, metadata.namespace);
  return {
    ...trigger,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...(spec.broker ? { [brokerLabel]: spec.broker } : {}) },
    },
    spec: {
      ...spec,
      filter: spec.filter ?? {},
      subscriber: defaultDestination(spec.subscriber, metadata.namespace),
      ...(delivery && deadLetterSink ? { delivery: { ...delivery, deadLetterSink } } : {}),
    },
  };
}

function validateTrigger(trigger: Trigger, context: AdmissionContext): readonly FieldError[] {
  const { namespace = '' } = trigger.metadata;
  const { broker, filter, filters, subscriber, delivery } = trigger.spec;
  const errors: FieldError[] = [];
  if (!broker) errors.push(missingField('spec.broker'));
  errors.push(
    ...validateAttributeNames(filter?.attributes ?? {}, 'spec.filter.attributes'),
    ...validateFilters(filters, 'spec.filters'),
    ...validateDestination(subscriber, { path: 'spec.subscriber', namespace }),
    ...validateDelivery(delivery, { path: 'spec.delivery', namespace }),
    ...validateDependency(trigger, namespace),
  );
  const old = context.old as Trigger | undefined;
  if (old) errors.push(...validateImmutable('spec.broker', old.spec.broker, broker));
  return errors;
}

function validateDependency(trigger: Trigger, namespace: string): FieldError[] {
  const text = trigger.metadata.annotations?.[dependencyAnnotation];
  if (text === undefined) return [];
  const path = `metadata.annotations[${dependencyAnnotation}]`;
  const ref = parseDependency(text);
  if (!ref)
    return [{ message: 'The provided annotation was not a corev1.ObjectReference', paths: [path] }];
  const errors: FieldError[] = [];
  for (const field of ['kind', 'name', 'apiVersion'] as const)
    if (!ref[field]) errors.push(missingField(`${path}.${field}`));
  if (ref['namespace'] && ref['namespace'] !== namespace)
    errors.push({
      message: `Namespace must be empty or equal to the trigger namespace "${namespace}"`,
      paths: [`${path}.namespace`],
    });
  return errors;
}

/** The annotation's reference; undefined when it is no JSON object of strings. */
export function parseDependency(text: string): Record<string, string> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return parsed as Record<string, string>;
  } catch {
    return undefined; // Validation says so.
  }
}
