/** Condition set of an Ingress. Source: knative.dev/networking pkg/apis/networking/v1alpha1/ingress_lifecycle.go. */
import { livingConditionSet } from '../meta/condition.ts';

export const networkConfigured = 'NetworkConfigured';
export const loadBalancerReady = 'LoadBalancerReady';

export const ingressConditions = livingConditionSet(networkConfigured, loadBalancerReady);
