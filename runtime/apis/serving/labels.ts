/**
 * Keys of the labels and annotations that Knative Serving defines, spelled once.
 * Source: knative.dev/serving pkg/apis/serving/register.go (names).
 */
const serving = 'serving.knative.dev';

export const serviceLabelKey = `${serving}/service`;
export const serviceUidLabelKey = `${serving}/serviceUID`;
export const configurationLabelKey = `${serving}/configuration`;
export const configurationUidLabelKey = `${serving}/configurationUID`;
export const configurationGenerationLabelKey = `${serving}/configurationGeneration`;
export const revisionLabelKey = `${serving}/revision`;
export const revisionUidLabelKey = `${serving}/revisionUID`;
export const routeLabelKey = `${serving}/route`;
export const routeNamespaceLabelKey = `${serving}/routeNamespace`;
export const routingStateLabelKey = `${serving}/routingState`;
export const domainMappingUidLabelKey = `${serving}/domainMappingUID`;
export const domainMappingNamespaceLabelKey = `${serving}/domainMappingNamespace`;
export const deploymentHashLabelKey = `${serving}/deployment-hash`;

export const routesAnnotationKey = `${serving}/routes`;
export const routingStateModifiedAnnotationKey = `${serving}/routingStateModified`;
export const lastPinnedAnnotationKey = `${serving}/lastPinned`;
export const noGcAnnotationKey = `${serving}/no-gc`;
export const rolloutDurationAnnotationKey = `${serving}/rollout-duration`;
export const rolloutDurationAlternateKey = `${serving}/rolloutDuration`;
export const progressDeadlineAnnotationKey = `${serving}/progress-deadline`;
export const creatorAnnotationKey = `${serving}/creator`;
export const lastModifierAnnotationKey = `${serving}/lastModifier`;

export const lastAppliedAnnotationKey = 'kubectl.kubernetes.io/last-applied-configuration';
export const defaultContainerAnnotationKey = 'kubectl.kubernetes.io/default-container';

/** On a Service or Route: `cluster-local` keeps it from the external listener. */
export const visibilityLabelKey = 'networking.knative.dev/visibility';
export const clusterLocalVisibility = 'cluster-local';
export const ingressClassAnnotationKey = 'networking.knative.dev/ingress-class';
export const httpProtocolAnnotationKey = 'networking.knative.dev/http-protocol';
export const httpProtocolAlternateKey = 'networking.knative.dev/httpOption';
/** Class of the Ingresses that Knit's gateway serves. */
export const knitIngressClass = 'knit.ingress.networking.knative.dev';

/** The prefix of every autoscaling annotation; keys are in `apis/autoscaling/annotations.ts`. */
export const autoscalingPrefix = 'autoscaling.knative.dev/';

export type RoutingState = 'pending' | 'active' | 'reserve';
