/**
 * What a PingSource's status must say, and the event that it sends. Pure.
 * Source: Knative Eventing 1.19 pkg/reconciler/pingsource, pkg/apis/sources/v1 ping_lifecycle.go (behaviour).
 */
import { isDeepStrictEqual } from 'node:util';
import type { Resolution } from '../../apis/eventing/resolve-destination.ts';
import {
  initializeConditions,
  livingConditionSet,
  markFalse,
  markTrue,
  markTrueWithReason,
} from '../../apis/meta/condition.ts';
import type { PingSource } from '../../apis/sources/types.ts';
import { pingSourceKind } from '../../apis/sources/types.ts';
import type { ResourceKind } from '../../apis/meta/object.ts';
import type { CloudEvent } from '../../cloudevents/cloud-event.ts';
import { makeEvent } from '../../cloudevents/cloud-event.ts';
import type { Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';

export const pingEventType = 'dev.knative.sources.ping';

export const pingEventSource = (namespace: string, name: string): string =>
  `/apis/v1/namespaces/${namespace}/pingsources/${name}`;

const conditionSet = livingConditionSet('SinkProvided', 'Deployed', 'OIDCIdentityCreated');

export interface ObservedPingSource {
  readonly source: PingSource;
  readonly sink: Resolution;
  /** Why the schedule cannot be followed; undefined when it can. */
  readonly scheduleError: string | undefined;
}

export function planPingSource(observed: ObservedPingSource, nowMs: number): Plan {
  const { source, sink, scheduleError } = observed;
  const { namespace = '', name, generation = 0 } = source.metadata;
  const now = new Date(nowMs).toISOString();
  let conditions = initializeConditions(conditionSet, source.status?.conditions, now);
  conditions =
    sink.type === 'resolved'
      ? markTrue(conditionSet, conditions, 'SinkProvided', now)
      : markFalse(conditionSet, conditions, 'SinkProvided', {
          reason: `Sink${sink.reason}`,
          message: sink.message,
          now,
        });
  conditions =
    scheduleError === undefined
      ? markTrue(conditionSet, conditions, 'Deployed', now)
      : markFalse(conditionSet, conditions, 'Deployed', {
          reason: 'InvalidSchedule',
          message: scheduleError,
          now,
        });
  conditions = markTrueWithReason(conditionSet, conditions, 'OIDCIdentityCreated', {
    reason: 'OIDCIdentitySkipped',
    message: 'authentication between components is not enabled',
    now,
  });
  const { sinkUri: _old, ...rest } = source.status ?? {};
  const status: NonNullable<PingSource['status']> = {
    ...rest,
    observedGeneration: generation,
    conditions: [...conditions],
    ceAttributes: [{ type: pingEventType, source: pingEventSource(namespace, name) }],
    ...(sink.type === 'resolved' ? { sinkUri: sink.url } : {}),
  };
  if (isDeepStrictEqual(source.status, status)) return emptyPlan;
  const kind: ResourceKind = pingSourceKind;
  return {
    actions: [{ type: 'updateStatus', kind, object: { ...source, status } as PingSource }],
    events: [],
  };
}

/** One tick's event. Overrides win over what the source sets itself. */
export function makePingEvent(
  source: PingSource,
  options: { readonly id: string; readonly nowMs: number },
): CloudEvent {
  const { namespace = '', name } = source.metadata;
  const { data, dataBase64, contentType, ceOverrides } = source.spec;
  const body = dataBase64
    ? Buffer.from(dataBase64, 'base64')
    : data
      ? Buffer.from(data, 'utf8')
      : undefined;
  return makeEvent({
    id: options.id,
    source: pingEventSource(namespace, name),
    type: pingEventType,
    dataContentType: contentType || undefined,
    data: body,
    extensions: { time: new Date(options.nowMs).toISOString(), ...ceOverrides?.extensions },
  });
}
