/** Which Brokers are ours. Source: Knative Eventing pkg/apis/eventing (annotation and default class). */
import type { KubeObject } from '../meta/object.ts';

export const brokerClassAnnotation = 'eventing.knative.dev/broker.class';
/** Knative's default; Knit serves it with its log instead of a channel. */
export const defaultBrokerClass = 'MTChannelBasedBroker';

/** Brokers of other classes belong to other controllers, and are left alone. */
export function isOurBroker(broker: KubeObject): boolean {
  const brokerClass = broker.metadata.annotations?.[brokerClassAnnotation];
  return brokerClass === undefined || brokerClass === defaultBrokerClass;
}
