/** Condition set of a PodAutoscaler. Source: knative.dev/serving pkg/apis/autoscaling/v1alpha1/pa_lifecycle.go. */
import { livingConditionSet } from '../meta/condition.ts';

export const active = 'Active';
export const scaleTargetInitialized = 'ScaleTargetInitialized';
/** True at once in Knit: the gateway is always in the path, so there is no Serve/Proxy switch to wait for. */
export const sksReady = 'SKSReady';

export const podAutoscalerConditions = livingConditionSet(active, scaleTargetInitialized, sksReady);
