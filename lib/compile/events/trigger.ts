/** Subscriptions to a broker as Triggers, and the Broker objects that they need. */
import {
  brokerKind,
  triggerKind,
  type Broker,
  type SubscriptionsAPIFilter,
  type Trigger,
} from '../../../runtime/apis/eventing/types.ts';
import { eventPath } from '../../../runtime/apis/knit.ts';
import { childName } from '../../../runtime/apis/meta/child-name.ts';
import { apiVersionOf } from '../../../runtime/apis/meta/object.ts';
import { serviceKind } from '../../../runtime/apis/serving/types.ts';
import { toObjectName } from '../../config/function-name.ts';
import type { FunctionModel, ServiceModel, TriggerEvent } from '../../config/service-model.ts';
import { ownLabels } from '../object-labels.ts';

/**
 * A Trigger remembers how far it has read, so its name must survive edits elsewhere in
 * serverless.yml: it comes from the event's name or type, and a number tells equal ones apart.
 */
export function compileTriggers(model: ServiceModel, fn: FunctionModel): readonly Trigger[] {
  const taken = new Map<string, number>();
  return fn.events
    .filter((event) => event.type === 'trigger')
    .map((event) => {
      const base = triggerSuffix(model, event);
      const count = (taken.get(base) ?? 0) + 1;
      taken.set(base, count);
      return makeTrigger(model, fn, {
        event,
        name: childName(fn.name, count === 1 ? base : `${base}-${count}`),
      });
    });
}

/** The brokers that a service's triggers read; none without triggers. */
export function compileBrokers(model: ServiceModel): readonly Broker[] {
  const names = new Set(
    model.functions.flatMap((fn) =>
      fn.events
        .filter((event) => event.type === 'trigger')
        .map((event) => event.broker ?? model.broker),
    ),
  );
  return [...names].sort().map((name) => ({
    apiVersion: apiVersionOf(brokerKind),
    kind: brokerKind.kind,
    metadata: { name, namespace: model.namespace, labels: ownLabels(model) },
    spec: {},
  }));
}

/** The broker of a Trigger cannot change, so a foreign one is part of the name. */
function triggerSuffix(model: ServiceModel, event: TriggerEvent): string {
  const what = toObjectName(event.name ?? event.eventType ?? '') || 'trigger';
  const broker = event.broker === undefined || event.broker === model.broker ? '' : event.broker;
  return `-${what}${broker === '' ? '' : `-${broker}`}`;
}

function makeTrigger(
  model: ServiceModel,
  fn: FunctionModel,
  options: { event: TriggerEvent; name: string },
): Trigger {
  const { event, name } = options;
  return {
    apiVersion: apiVersionOf(triggerKind),
    kind: triggerKind.kind,
    metadata: { name, namespace: model.namespace, labels: ownLabels(model) },
    spec: {
      broker: event.broker ?? model.broker,
      ...(event.filters.length === 0
        ? {}
        : { filters: [...event.filters] as SubscriptionsAPIFilter[] }),
      subscriber: {
        ref: {
          apiVersion: apiVersionOf(serviceKind),
          kind: serviceKind.kind,
          name: fn.name,
          namespace: model.namespace,
        },
        ...(fn.source.type === 'handler' ? { uri: eventPath(event.kind) } : {}),
      },
      ...(event.delivery === undefined ? {} : { delivery: event.delivery }),
    },
  };
}
