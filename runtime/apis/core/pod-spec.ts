/**
 * Defaults of a Pod's spec, alone and as a template; what it must say is in pod-rules.ts. Pure.
 * Source: k8s.io/kubernetes pkg/apis/core/v1/defaults.go (the parts that pods meet).
 */
import type { Container, PodSpec, PodTemplateSpec, Probe, Volume } from './types.ts';

const GRACE_SECONDS_DEFAULT = 30;
const MODE_DEFAULT = 0o644;
const TOKEN_SECONDS_DEFAULT = 3_607;

/** Fills in what the API defaults; an invalid spec comes back as it is, for validation to judge. */
export function defaultPodSpec(spec: PodSpec): PodSpec {
  if (typeof spec !== 'object' || spec === null) return spec;
  const { serviceAccountName } = spec;
  return {
    ...spec,
    restartPolicy: spec.restartPolicy ?? 'Always',
    dnsPolicy: spec['dnsPolicy'] ?? 'ClusterFirst',
    schedulerName: spec['schedulerName'] ?? 'default-scheduler',
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT,
    securityContext: spec.securityContext ?? {},
    // The old name of the field follows the new one.
    ...(serviceAccountName ? { serviceAccount: serviceAccountName } : {}),
    ...(Array.isArray(spec.containers)
      ? { containers: spec.containers.map(defaultContainer) }
      : {}),
    ...(Array.isArray(spec.initContainers)
      ? { initContainers: spec.initContainers.map(defaultContainer) }
      : {}),
    ...(Array.isArray(spec.volumes) ? { volumes: spec.volumes.map(defaultVolume) } : {}),
  };
}

/** What a Pod has beyond a template: service links, and requests that follow limits. */
export function defaultPod(spec: PodSpec): PodSpec {
  const defaulted = defaultPodSpec(spec);
  if (typeof defaulted !== 'object' || defaulted === null) return defaulted;
  const graceSeconds = defaulted.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT;
  return {
    ...defaulted,
    // A negative period was once allowed, and means as little as there can be.
    terminationGracePeriodSeconds: graceSeconds < 0 ? 1 : graceSeconds,
    enableServiceLinks: defaulted.enableServiceLinks ?? true,
    ...(Array.isArray(defaulted.containers)
      ? { containers: defaulted.containers.map(withRequests) }
      : {}),
    ...(Array.isArray(defaulted.initContainers)
      ? { initContainers: defaulted.initContainers.map(withRequests) }
      : {}),
  };
}

/** The template of a workload, its spec defaulted. */
export function defaultTemplate(template: PodTemplateSpec): PodTemplateSpec {
  if (typeof template !== 'object' || template === null || template.spec === undefined)
    return template;
  return { ...template, spec: defaultPodSpec(template.spec) };
}

function withRequests(container: Container): Container {
  const limits = container?.resources?.limits;
  if (typeof limits !== 'object' || limits === null) return container;
  return {
    ...container,
    resources: {
      ...container.resources,
      requests: { ...limits, ...container.resources?.requests },
    },
  };
}

function defaultContainer(container: Container): Container {
  if (typeof container !== 'object' || container === null) return container;
  const { livenessProbe, readinessProbe, startupProbe } = container;
  return {
    ...container,
    resources: container.resources ?? {},
    terminationMessagePath: container.terminationMessagePath ?? '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'File',
    imagePullPolicy: container.imagePullPolicy ?? pullPolicyOf(container.image),
    ...(Array.isArray(container.ports)
      ? { ports: container.ports.map((port) => ({ ...port, protocol: port?.protocol ?? 'TCP' })) }
      : {}),
    ...(livenessProbe ? { livenessProbe: defaultProbe(livenessProbe) } : {}),
    ...(readinessProbe ? { readinessProbe: defaultProbe(readinessProbe) } : {}),
    ...(startupProbe ? { startupProbe: defaultProbe(startupProbe) } : {}),
    ...(Array.isArray(container.env)
      ? {
          env: container.env.map((variable) => {
            const field = (
              variable?.valueFrom as { fieldRef?: { apiVersion?: string } } | undefined
            )?.fieldRef;
            return field && field.apiVersion === undefined
              ? {
                  ...variable,
                  valueFrom: { ...variable.valueFrom, fieldRef: { apiVersion: 'v1', ...field } },
                }
              : variable;
          }) as NonNullable<Container['env']>,
        }
      : {}),
  };
}

function defaultProbe(probe: Probe): Probe {
  if (typeof probe !== 'object' || probe === null) return probe;
  return {
    ...probe,
    ...(probe.httpGet
      ? {
          httpGet: {
            ...probe.httpGet,
            path: probe.httpGet.path ?? '/',
            scheme: probe.httpGet.scheme ?? 'HTTP',
          },
        }
      : {}),
    // Zero is what a Go client sends for an unset number...
    timeoutSeconds: probe.timeoutSeconds || 1,
    // ... but for Knative's own meaning of a period of 0: as often as can be.
    periodSeconds: probe.periodSeconds ?? 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

function defaultVolume(volume: Volume): Volume {
  if (typeof volume !== 'object' || volume === null) return volume;
  const result: Volume = { ...volume };
  for (const source of ['configMap', 'secret', 'projected', 'downwardAPI'] as const) {
    const value = volume[source] as { defaultMode?: number } | undefined;
    if (value)
      result[source] = { ...value, defaultMode: value.defaultMode ?? MODE_DEFAULT } as never;
  }
  const sources = result.projected?.sources;
  if (result.projected && Array.isArray(sources))
    result.projected = {
      ...result.projected,
      sources: sources.map((source) => {
        const token = (source as { serviceAccountToken?: { expirationSeconds?: number } })
          ?.serviceAccountToken;
        return token && token.expirationSeconds === undefined
          ? {
              ...(source as object),
              serviceAccountToken: { ...token, expirationSeconds: TOKEN_SECONDS_DEFAULT },
            }
          : source;
      }),
    };
  const hostPath = volume['hostPath'] as { type?: string } | undefined;
  if (hostPath) result['hostPath'] = { ...hostPath, type: hostPath.type ?? '' };
  const isSourceless = Object.keys(volume).every((key) => key === 'name');
  // Upstream: a volume that names no source is an emptyDir.
  return isSourceless ? { ...result, emptyDir: {} } : result;
}

/** A moving tag is looked up each time; a fixed one or a digest only once. */
function pullPolicyOf(image: string | undefined): string {
  const name = (image ?? '').split('/').at(-1) ?? '';
  const isFixed = name.includes('@') || (name.includes(':') && !name.endsWith(':latest'));
  return isFixed ? 'IfNotPresent' : 'Always';
}
