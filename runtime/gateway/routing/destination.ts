/** What the table knows of where a request may go: revisions, and ports of other core Services. Pure. */
import type { CoreService, ServicePort } from '../../apis/core/types.ts';
import { runtimeAnnotation } from '../../apis/knit.ts';
import { keyOf } from '../../apis/meta/object.ts';
import type { Revision } from '../../apis/serving/types.ts';
import type { Destination } from './table.ts';

/** Knative's default for a revision that names none. */
const TIMEOUT_SECONDS_DEFAULT = 300;

export function revisionDestination({ spec, metadata }: Revision): Destination {
  const toMs = (seconds: number | undefined): number => Math.max(0, seconds ?? 0) * 1_000;
  return {
    key: keyOf(metadata),
    isRevision: true,
    containerConcurrency: Math.max(0, spec.containerConcurrency ?? 0),
    timeoutMs: toMs(spec.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT),
    responseStartTimeoutMs: toMs(spec.responseStartTimeoutSeconds),
    idleTimeoutMs: toMs(spec.idleTimeoutSeconds),
    // Source: knative/specs, runtime contract, protocols and ports.
    protocol: spec.containers.some(({ ports }) => ports?.some(({ name }) => name === 'h2c'))
      ? 'h2c'
      : 'http1',
    labels: {
      service: metadata.labels?.['serving.knative.dev/service'] ?? '',
      configuration: metadata.labels?.['serving.knative.dev/configuration'] ?? '',
    },
    hasFunctionServer: metadata.annotations?.[runtimeAnnotation] !== undefined,
  };
}

/**
 * `namespace/name:port` -> destination, each port by its number and by its name. A Service that only
 * is another name for something has none: Routes of Knative have such Services.
 */
export function serviceDestinations(service: CoreService): ReadonlyMap<string, Destination> {
  const destinations = new Map<string, Destination>();
  if (service.spec.type === 'ExternalName') return destinations;
  const serviceKey = keyOf(service.metadata);
  for (const port of service.spec.ports ?? []) {
    const destination: Destination = {
      key: `${serviceKey}:${port.port}`,
      isRevision: false,
      containerConcurrency: 0,
      timeoutMs: 0,
      responseStartTimeoutMs: 0,
      idleTimeoutMs: 0,
      protocol: speaksHttp2(port) ? 'h2c' : 'http1',
      labels: { service: service.metadata.name, configuration: '' },
      hasFunctionServer: false,
    };
    destinations.set(destination.key, destination);
    if (port.name) destinations.set(`${serviceKey}:${port.name}`, destination);
  }
  return destinations;
}

/** Source: Kubernetes' well-known appProtocol; Knative's and Istio's port names. */
const speaksHttp2 = ({ name = '', appProtocol }: ServicePort): boolean =>
  appProtocol === 'kubernetes.io/h2c' || /^(?:h2c|http2|grpc)(?:-|$)/.test(name);
