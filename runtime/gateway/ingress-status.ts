/**
 * Status of an Ingress whose rules the gateway's table holds. Pure.
 * Source: knative/networking Ingress v1alpha1 lifecycle (conditions), facts 4.4: a gateway that swaps
 * its table whole needs no probing.
 */
import { initializeConditions, livingConditionSet, markTrue } from '../apis/meta/condition.ts';
import type { Ingress } from '../apis/networking/types.ts';

const conditionSet = livingConditionSet('NetworkConfigured', 'LoadBalancerReady');

/** The Ingress with the status that it should have, or undefined when it has it. */
export function withReadyStatus(
  ingress: Ingress,
  options: { readonly domainInternal: string; readonly now: string },
): Ingress | undefined {
  const { domainInternal, now } = options;
  let conditions = initializeConditions(conditionSet, ingress.status?.conditions, now);
  conditions = markTrue(conditionSet, conditions, 'NetworkConfigured', now);
  conditions = markTrue(conditionSet, conditions, 'LoadBalancerReady', now);
  const loadBalancer = { ingress: [{ domainInternal }] };
  const status: NonNullable<Ingress['status']> = {
    ...ingress.status,
    conditions: [...conditions],
    publicLoadBalancer: loadBalancer,
    privateLoadBalancer: loadBalancer,
  };
  if (ingress.metadata.generation !== undefined)
    status.observedGeneration = ingress.metadata.generation;
  return isSame(status, ingress.status) ? undefined : { ...ingress, status };
}

function isSame(
  next: NonNullable<Ingress['status']>,
  old: NonNullable<Ingress['status']> | undefined,
): boolean {
  const facts = (status: typeof old): string =>
    JSON.stringify([
      status?.observedGeneration,
      (status?.conditions ?? []).map(({ type, status: value }) => `${type}=${value}`).sort(),
      status?.publicLoadBalancer?.ingress?.[0]?.domainInternal,
      status?.privateLoadBalancer?.ingress?.[0]?.domainInternal,
    ]);
  return facts(next) === facts(old);
}
