/**
 * What a Trigger's status must say: its Broker, its subscriber and its dead letter sink resolved to
 * URLs. Pure. The broker reads the URLs from here, so a Trigger works as soon as this says so.
 * Source: Knative Eventing 1.19 pkg/reconciler/broker/trigger and trigger_lifecycle.go (behaviour).
 */
import { isOurBroker } from '../../apis/eventing/broker-class.ts';
import type { Resolution } from '../../apis/eventing/resolve-destination.ts';
import type { Broker, Trigger } from '../../apis/eventing/types.ts';
import { triggerKind } from '../../apis/eventing/types.ts';
import type { Condition, Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  initializeConditions,
  livingConditionSet,
  markFalse,
  markTrue,
  markTrueWithReason,
  markUnknown,
  mirrorCondition,
} from '../../apis/meta/condition.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { planStatus } from '../plan-status.ts';

const conditionSet = livingConditionSet(
  'BrokerReady',
  'SubscriptionReady',
  'DependencyReady',
  'SubscriberResolved',
  'DeadLetterSinkResolved',
  'OIDCIdentityCreated',
);

export type Dependency =
  | { readonly type: 'none' }
  | { readonly type: 'missing'; readonly message: string }
  | { readonly type: 'found'; readonly object: ConditionedObject };

export interface ConditionedObject extends KubeObject {
  status?: { observedGeneration?: number; conditions?: Condition[] };
}

export interface ObservedTrigger {
  readonly trigger: Trigger;
  readonly broker: Broker | undefined;
  readonly subscriber: Resolution;
  /** The Trigger's own sink; undefined when it has none, and the Broker's counts. */
  readonly deadLetterSink: Resolution | undefined;
  readonly dependency: Dependency;
}

export function planTrigger(observed: ObservedTrigger, nowMs: number): Plan {
  const { trigger, broker, subscriber } = observed;
  // A Broker of another class has its own controller for its Triggers.
  if (broker && !isOurBroker(broker)) return emptyPlan;
  const now = new Date(nowMs).toISOString();
  let conditions = initializeConditions(conditionSet, trigger.status?.conditions, now);
  conditions = markBroker(conditions, observed, now);
  conditions = markDependency(conditions, observed.dependency, now);
  if (subscriber.type === 'resolved') {
    conditions = markTrue(conditionSet, conditions, 'SubscriberResolved', now);
    // The log keeps a place for every Trigger: it is subscribed as soon as it has a subscriber.
    conditions = markTrue(conditionSet, conditions, 'SubscriptionReady', now);
  } else {
    const { reason, message } = subscriber;
    const options = { reason: `Subscriber${reason}`, message, now };
    conditions = markFalse(conditionSet, conditions, 'SubscriberResolved', options);
    conditions = markUnknown(conditionSet, conditions, 'SubscriptionReady', {
      reason: 'NotSubscribed',
      message: 'the subscriber is not resolved',
      now,
    });
  }
  const deadLetter = markDeadLetterSink(conditions, observed, now);
  conditions = markTrueWithReason(conditionSet, deadLetter.conditions, 'OIDCIdentityCreated', {
    reason: 'OIDCIdentitySkipped',
    message: 'authentication between components is not enabled',
    now,
  });
  const { subscriberUri: _subscriber, deadLetterSinkUri: _sink, ...rest } = trigger.status ?? {};
  const status: NonNullable<Trigger['status']> = {
    ...rest,
    observedGeneration: trigger.metadata.generation ?? 0,
    conditions: [...conditions],
    ...(subscriber.type === 'resolved' ? { subscriberUri: subscriber.url } : {}),
    ...(deadLetter.uri === undefined ? {} : { deadLetterSinkUri: deadLetter.uri }),
  };
  return planStatus(triggerKind, trigger, status);
}

function markBroker(conditions: Conditions, observed: ObservedTrigger, now: string): Conditions {
  const { broker, trigger } = observed;
  if (!broker)
    return markFalse(conditionSet, conditions, 'BrokerReady', {
      reason: 'BrokerDoesNotExist',
      message: `Broker "${trigger.spec.broker}" does not exist`,
      now,
    });
  const ready = getCondition(broker.status?.conditions, 'Ready');
  if (!ready || broker.status?.observedGeneration !== broker.metadata.generation)
    return markUnknown(conditionSet, conditions, 'BrokerReady', {
      reason: 'BrokerNotConfigured',
      message: 'Broker has not yet been reconciled.',
      now,
    });
  return mirrorCondition(conditionSet, conditions, 'BrokerReady', { condition: ready, now });
}

function markDependency(conditions: Conditions, dependency: Dependency, now: string): Conditions {
  switch (dependency.type) {
    case 'none':
      return markTrue(conditionSet, conditions, 'DependencyReady', now);
    case 'missing':
      return markFalse(conditionSet, conditions, 'DependencyReady', {
        reason: 'DependencyDoesNotExist',
        message: dependency.message,
        now,
      });
    case 'found': {
      const { metadata, status } = dependency.object;
      if (status?.observedGeneration !== metadata.generation)
        return markUnknown(conditionSet, conditions, 'DependencyReady', {
          reason: 'GenerationNotEqual',
          message: 'the dependency has not been reconciled since it changed',
          now,
        });
      const condition = getCondition(status?.conditions, 'Ready');
      return mirrorCondition(conditionSet, conditions, 'DependencyReady', { condition, now });
    }
  }
}

function markDeadLetterSink(
  conditions: Conditions,
  { deadLetterSink, broker }: ObservedTrigger,
  now: string,
): { conditions: Conditions; uri: string | undefined } {
  const type = 'DeadLetterSinkResolved';
  const uri =
    deadLetterSink?.type === 'resolved' ? deadLetterSink.url : broker?.status?.deadLetterSinkUri;
  if (deadLetterSink?.type === 'unresolved') {
    const { reason, message } = deadLetterSink;
    const options = { reason: `DeadLetterSink${reason}`, message, now };
    return { conditions: markFalse(conditionSet, conditions, type, options), uri: undefined };
  }
  if (uri !== undefined) return { conditions: markTrue(conditionSet, conditions, type, now), uri };
  const options = {
    reason: 'DeadLetterSinkNotConfigured',
    message: 'No dead letter sink is configured.',
    now,
  };
  return { conditions: markTrueWithReason(conditionSet, conditions, type, options), uri };
}
