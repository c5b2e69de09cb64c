/** eventing.knative.dev/v1 Broker and Trigger, and the duck types that all of eventing shares. */
import type { Condition } from '../meta/condition.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface KReference {
  kind: string;
  apiVersion: string;
  name: string;
  namespace?: string;
}

export interface Destination {
  ref?: KReference;
  /** Absolute, or relative to the ref's URL. */
  uri?: string;
  CACerts?: string;
  audience?: string;
}

export interface DeliverySpec {
  deadLetterSink?: Destination;
  retry?: number;
  backoffPolicy?: 'linear' | 'exponential';
  /** ISO 8601 duration. */
  backoffDelay?: string;
  timeout?: string;
  /** ISO 8601 duration: the longest Retry-After of a 429 or 503 that is honoured; `PT0S` ignores it. */
  retryAfterMax?: string;
  /** Encoding towards the subscriber: `json` is structured mode. @default binary */
  format?: 'json' | 'binary';
}

export interface Addressable {
  name?: string;
  url: string;
}

export interface EventingStatus {
  observedGeneration?: number;
  conditions?: Condition[];
  annotations?: Record<string, string>;
}

export interface Broker extends KubeObject {
  spec?: { config?: KReference; delivery?: DeliverySpec };
  status?: EventingStatus & {
    address?: Addressable;
    addresses?: Addressable[];
    deadLetterSinkUri?: string;
  };
}

/** Exactly one dialect per object. */
export interface SubscriptionsAPIFilter {
  exact?: Record<string, string>;
  prefix?: Record<string, string>;
  suffix?: Record<string, string>;
  all?: SubscriptionsAPIFilter[];
  any?: SubscriptionsAPIFilter[];
  not?: SubscriptionsAPIFilter;
  cesql?: string;
}

export interface Trigger extends KubeObject {
  spec: {
    broker: string;
    filter?: { attributes?: Record<string, string> };
    filters?: SubscriptionsAPIFilter[];
    subscriber: Destination;
    delivery?: DeliverySpec;
  };
  status?: EventingStatus & { subscriberUri?: string; deadLetterSinkUri?: string };
}

const eventing = <T extends KubeObject>(kind: string, plural: string): ResourceKind<T> => ({
  group: 'eventing.knative.dev',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});

export const brokerKind = eventing<Broker>('Broker', 'brokers');
export const triggerKind = eventing<Trigger>('Trigger', 'triggers');
