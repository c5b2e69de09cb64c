/**
 * Writes Kubernetes Events: best effort, never in the way of a reconcile. Repeats of the same event
 * on the same object raise its count instead of making another object.
 */
import { createHash } from 'node:crypto';
import { eventKind } from '../apis/core/types.ts';
import type { Event } from '../apis/core/types.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import { isAlreadyExists, isNotFound } from './api-error.ts';
import type { KubeClient } from './client.ts';

export interface PlannedEvent {
  readonly object: KubeObject;
  /** The part of the object that it is about, e.g. `spec.containers{user-container}`. */
  readonly fieldPath?: string | undefined;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, e.g. `Created`, `InternalError`. */
  readonly reason: string;
  readonly message: string;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** Reported as source, e.g. `service-controller`. */
  readonly component: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Events on their way at once; more are dropped, since they are advice and not state. */
const IN_FLIGHT_MAX = 256;
const MESSAGE_LENGTH_MAX = 1024;

export class EventRecorder {
  private readonly options: EventRecorderOptions;
  private inFlight = 0;

  constructor(options: EventRecorderOptions) {
    this.options = options;
  }

  /** Returns at once; failures are logged at debug level. */
  record(event: PlannedEvent): void {
    if (this.inFlight >= IN_FLIGHT_MAX) return;
    this.inFlight += 1;
    this.write(event)
      .catch((error: unknown) => {
        this.options.logger.debug('event not recorded', {
          reason: event.reason,
          error: String(error),
        });
      })
      .finally(() => {
        this.inFlight -= 1;
      });
  }

  private async write(planned: PlannedEvent): Promise<void> {
    const { client, clock, component } = this.options;
    const now = new Date(clock.now()).toISOString();
    const event = makeEvent(planned, component, now);
    try {
      await client.create(eventKind, event);
    } catch (error) {
      if (isNotFound(error)) return; // The namespace is gone, and the object with it.
      if (!isAlreadyExists(error)) throw error;
      const ref = { namespace: event.metadata.namespace, name: event.metadata.name };
      const old = await client.get(eventKind, ref);
      await client.patch(eventKind, ref, {
        type: 'merge',
        body: { count: (old?.count ?? 1) + 1, lastTimestamp: now },
      });
    }
  }
}

/** The name is derived from what happened to whom, so that a repeat finds the first. */
function makeEvent(planned: PlannedEvent, component: string, now: string): Event {
  const { object, type, reason, fieldPath } = planned;
  const message = planned.message.slice(0, MESSAGE_LENGTH_MAX);
  const { name, uid } = object.metadata;
  const namespace = object.metadata.namespace ?? 'default';
  const hash = createHash('sha256')
    .update([uid, fieldPath, type, reason, message, component].join('\n'))
    .digest('hex');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name.slice(0, 200)}.${hash.slice(0, 16)}`, namespace },
    involvedObject: {
      apiVersion: object.apiVersion,
      kind: object.kind,
      name,
      ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type,
    reason,
    message,
    count: 1,
    firstTimestamp: now,
    lastTimestamp: now,
    source: { component },
    reportingComponent: component,
  };
}
