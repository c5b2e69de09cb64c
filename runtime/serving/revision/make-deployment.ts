/**
 * The Deployment of a Revision. Knit has no queue-proxy: the gateway does its work, and the user's
 * own readiness probe stays on the container for the agent or the kubelet.
 * Source: knative.dev/serving pkg/reconciler/revision/resources/{deploy,meta}.go.
 */
import { initialScaleKey, numberAnnotation } from '../../apis/autoscaling/annotations.ts';
import type { AutoscalerConfig } from '../../apis/autoscaling/config.ts';
import type { Deployment } from '../../apis/apps/types.ts';
import type { Container, EnvVar, PodSpec, Probe } from '../../apis/core/types.ts';
import { parseGoDuration } from '../../apis/meta/go-duration.ts';
import { controllerRef } from '../../apis/meta/object.ts';
import { runtimeClassFor } from '../../apis/serving/config-deployment.ts';
import { defaultPort, servingContainerIndex } from '../../apis/serving/default-revision-spec.ts';
import {
  autoscalingPrefix,
  configurationLabelKey,
  defaultContainerAnnotationKey,
  deploymentHashLabelKey,
  lastPinnedAnnotationKey,
  progressDeadlineAnnotationKey,
  revisionLabelKey,
  revisionUidLabelKey,
  routesAnnotationKey,
  routingStateLabelKey,
  routingStateModifiedAnnotationKey,
  serviceLabelKey,
} from '../../apis/serving/labels.ts';
import { deploymentName } from '../../apis/serving/names.ts';
import type { Revision } from '../../apis/serving/types.ts';
import { omitKeys } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { hashOf } from './hash.ts';

export function makeDeployment(revision: Revision, config: ServingConfig): Deployment {
  const { name, namespace, uid } = revision.metadata;
  const labels = revisionLabels(revision);
  const annotations = revisionAnnotations(revision);
  const selector = { matchLabels: { [revisionUidLabelKey]: uid ?? '' } };
  const template = { metadata: podMetadata(revision), spec: makePodSpec(revision, config) };
  const spec = {
    selector,
    template,
    progressDeadlineSeconds: progressDeadlineSecondsOf(revision, config),
    revisionHistoryLimit: 0,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0 } },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: deploymentName(name),
      namespace: namespace ?? '',
      labels: { ...labels, [deploymentHashLabelKey]: hashOf(spec) },
      annotations,
      ownerReferences: [controllerRef(revision)],
    },
    spec: { replicas: initialScaleOf(revision, config.autoscaler), ...spec },
  };
}

/** Pods that a revision starts with; its first readiness waits for them. */
export function initialScaleOf(revision: Revision, config: AutoscalerConfig): number {
  const wanted = numberAnnotation(revision.metadata.annotations, initialScaleKey);
  if (wanted === undefined || (wanted === 0 && !config.allowZeroInitialScale))
    return config.initialScale;
  return wanted;
}

/** Labels of everything below a Revision; its routing state is its own and would roll its pods. */
export function revisionLabels(revision: Revision): Record<string, string> {
  const { name, uid, labels } = revision.metadata;
  return {
    app: name,
    ...omitKeys(labels, routingStateLabelKey),
    [revisionLabelKey]: name,
    [revisionUidLabelKey]: uid ?? '',
  };
}

export const revisionAnnotations = (revision: Revision): Record<string, string> =>
  omitKeys(
    revision.metadata.annotations,
    routesAnnotationKey,
    routingStateModifiedAnnotationKey,
    lastPinnedAnnotationKey,
  );

/**
 * Autoscaling annotations stay off the pods: they may be changed on a live Revision, and a change of
 * the template would replace every pod.
 */
function podMetadata(revision: Revision): {
  labels: Record<string, string>;
  annotations: Record<string, string>;
} {
  const annotations = Object.fromEntries(
    Object.entries(revisionAnnotations(revision)).filter(
      ([key]) => !key.startsWith(autoscalingPrefix),
    ),
  );
  const { containers } = revision.spec;
  const serving = containers[servingContainerIndex(containers)];
  if (serving) annotations[defaultContainerAnnotationKey] ??= serving.name;
  return { labels: revisionLabels(revision), annotations };
}

function makePodSpec(revision: Revision, config: ServingConfig): PodSpec {
  const {
    containerConcurrency: _concurrency,
    timeoutSeconds,
    responseStartTimeoutSeconds: _responseStart,
    idleTimeoutSeconds: _idle,
    ...podSpec
  } = revision.spec;
  const serving = servingContainerIndex(podSpec.containers);
  const { containerStatuses, initContainerStatuses } = revision.status ?? {};
  return {
    ...podSpec,
    containers: podSpec.containers.map((given, index) => {
      const container = withDigest(given, containerStatuses?.[index]);
      return index === serving
        ? makeServingContainer(container, revision)
        : makeSidecar(container, revision);
    }),
    ...(podSpec.initContainers
      ? {
          initContainers: podSpec.initContainers.map((container, index) =>
            withDigest(container, initContainerStatuses?.[index]),
          ),
        }
      : {}),
    // What is in flight when a pod is told to stop may take as long as any request may.
    ...(timeoutSeconds === undefined ? {} : { terminationGracePeriodSeconds: timeoutSeconds }),
    ...placementOf(revision, config),
  };
}

/** Where the configuration would have the pods; what the spec itself says wins. */
function placementOf({ metadata, spec }: Revision, config: ServingConfig): Partial<PodSpec> {
  const { deployment } = config;
  const runtimeClassName = runtimeClassFor(deployment, metadata.labels ?? {});
  const isSpread = deployment.defaultAffinity !== 'none' && spec['affinity'] === undefined;
  return {
    ...(runtimeClassName === undefined || spec['runtimeClassName'] !== undefined
      ? {}
      : { runtimeClassName }),
    ...(isSpread ? { affinity: spreadOverNodes(metadata.name) } : {}),
  };
}

const spreadOverNodes = (revision: string): object => ({
  podAntiAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      {
        weight: 100,
        podAffinityTerm: {
          topologyKey: 'kubernetes.io/hostname',
          labelSelector: { matchLabels: { [revisionLabelKey]: revision } },
        },
      },
    ],
  },
});

/** The spec keeps the tag; the pods run what it was when the Revision was made. */
const withDigest = (
  container: Container,
  status: { readonly imageDigest?: string } | undefined,
): Container => (status?.imageDigest ? { ...container, image: status.imageDigest } : container);

function makeServingContainer(container: Container, revision: Revision): Container {
  const port = servingPortOf(revision);
  const made: Container = {
    ...container,
    ports: [{ name: 'user-port', containerPort: port, protocol: 'TCP' }],
    env: [
      ...(container.env ?? []),
      { name: 'PORT', value: String(port) },
      ...revisionEnv(revision),
    ],
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'FallbackToLogsOnError',
  };
  for (const field of ['readinessProbe', 'livenessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (probe) made[field] = withPort(probe, port);
  }
  if (made.readinessProbe) made.readinessProbe.periodSeconds ??= 0;
  return made;
}

const makeSidecar = (container: Container, revision: Revision): Container => ({
  ...container,
  env: [...(container.env ?? []), ...revisionEnv(revision)],
});

/** The port that requests go to: the one that a container names, or 8080. */
export function servingPortOf(revision: Revision): number {
  const { containers } = revision.spec;
  return containers[servingContainerIndex(containers)]?.ports?.[0]?.containerPort || defaultPort;
}

const revisionEnv = ({ metadata }: Revision): EnvVar[] => [
  { name: 'K_REVISION', value: metadata.name },
  { name: 'K_CONFIGURATION', value: metadata.labels?.[configurationLabelKey] ?? '' },
  { name: 'K_SERVICE', value: metadata.labels?.[serviceLabelKey] ?? '' },
];

/** Probes without a port, or with the port's name, ask the serving port. */
function withPort(given: Probe, port: number): Probe {
  const probe: Probe = { ...given };
  const isUnset = (value: number | string | undefined): boolean =>
    !value || typeof value === 'string';
  if (probe.httpGet && isUnset(probe.httpGet.port)) probe.httpGet = { ...probe.httpGet, port };
  if (probe.tcpSocket && isUnset(probe.tcpSocket.port))
    probe.tcpSocket = { ...probe.tcpSocket, port };
  if (probe.grpc && !probe.grpc.port) probe.grpc = { ...probe.grpc, port };
  return probe;
}

function progressDeadlineSecondsOf(revision: Revision, config: ServingConfig): number {
  const text = revision.metadata.annotations?.[progressDeadlineAnnotationKey];
  const valueMs = text === undefined ? undefined : parseGoDuration(text);
  return valueMs === undefined ? config.deployment.progressDeadlineSeconds : valueMs / 1_000;
}
