/**
 * What a Broker's status must say. Pure. The log needs no channel and no filter deployment, so the
 * conditions that Knative derives from those are true by construction.
 * Source: Knative Eventing 1.19 pkg/reconciler/broker and broker_lifecycle.go (behaviour).
 */
import type { Resolution } from '../../apis/eventing/resolve-destination.ts';
import type { Broker } from '../../apis/eventing/types.ts';
import { brokerKind } from '../../apis/eventing/types.ts';
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  initializeConditions,
  livingConditionSet,
  markFalse,
  markTrue,
  markTrueWithReason,
} from '../../apis/meta/condition.ts';
import type { Plan } from '../../kube/plan.ts';
import { planStatus } from '../plan-status.ts';

const conditionSet = livingConditionSet(
  'IngressReady',
  'TriggerChannelReady',
  'FilterReady',
  'Addressable',
  'DeadLetterSinkResolved',
  'EventPoliciesReady',
);

export interface ObservedBroker {
  readonly broker: Broker;
  /** undefined when no sink is configured. */
  readonly deadLetterSink: Resolution | undefined;
}

export interface BrokerConfig {
  /** Host (and port) of broker addresses. */
  readonly ingressHost: string;
}

export function planBroker(observed: ObservedBroker, config: BrokerConfig, nowMs: number): Plan {
  const { broker, deadLetterSink } = observed;
  const { namespace = '', name } = broker.metadata;
  const now = new Date(nowMs).toISOString();
  let conditions: Conditions = initializeConditions(conditionSet, broker.status?.conditions, now);
  for (const type of ['IngressReady', 'TriggerChannelReady', 'FilterReady', 'Addressable'])
    conditions = markTrue(conditionSet, conditions, type, now);
  conditions = markTrueWithReason(conditionSet, conditions, 'EventPoliciesReady', {
    reason: 'DefaultAuthorizationMode',
    message: 'authorization is not enforced: without OIDC every sender is let in',
    now,
  });
  if (deadLetterSink === undefined)
    conditions = markTrueWithReason(conditionSet, conditions, 'DeadLetterSinkResolved', {
      reason: 'DeadLetterSinkNotConfigured',
      message: 'No dead letter sink is configured.',
      now,
    });
  else if (deadLetterSink.type === 'resolved')
    conditions = markTrue(conditionSet, conditions, 'DeadLetterSinkResolved', now);
  else {
    const { reason, message } = deadLetterSink;
    conditions = markFalse(conditionSet, conditions, 'DeadLetterSinkResolved', {
      reason: `DeadLetterSink${reason}`,
      message,
      now,
    });
  }
  const { deadLetterSinkUri: _old, ...rest } = broker.status ?? {};
  const address = { name: 'http', url: `http://${config.ingressHost}/${namespace}/${name}` };
  const status: NonNullable<Broker['status']> = {
    ...rest,
    observedGeneration: broker.metadata.generation ?? 0,
    conditions: [...conditions],
    address,
    ...(deadLetterSink?.type === 'resolved' ? { deadLetterSinkUri: deadLetterSink.url } : {}),
  };
  return planStatus(brokerKind, broker, status);
}
