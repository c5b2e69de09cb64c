/**
 * Condition sets and condition types of Serving's kinds. Which reconciler sets which reason is in
 * `runtime/serving/<kind>/`. Source: knative.dev/serving pkg/apis/serving/v1/*_lifecycle.go.
 */
import { livingConditionSet } from '../meta/condition.ts';

export const configurationsReady = 'ConfigurationsReady';
export const routesReady = 'RoutesReady';
export const serviceConditions = livingConditionSet(configurationsReady, routesReady);

export const configurationConditions = livingConditionSet();

export const resourcesAvailable = 'ResourcesAvailable';
export const containerHealthy = 'ContainerHealthy';
/** Informational: a revision at zero pods stays Ready with Active False. */
export const revisionActive = 'Active';
export const revisionConditions = livingConditionSet(resourcesAvailable, containerHealthy);

export const allTrafficAssigned = 'AllTrafficAssigned';
export const ingressReady = 'IngressReady';
export const certificateProvisioned = 'CertificateProvisioned';
export const routeConditions = livingConditionSet(
  allTrafficAssigned,
  ingressReady,
  certificateProvisioned,
);

export const domainClaimed = 'DomainClaimed';
export const referenceResolved = 'ReferenceResolved';
export const domainMappingConditions = livingConditionSet(
  domainClaimed,
  referenceResolved,
  ingressReady,
  certificateProvisioned,
);
