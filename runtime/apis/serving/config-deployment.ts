/**
 * The ConfigMap `config-deployment`: how revisions are deployed. Keys of the queue-proxy sidecar are
 * validated and have no effect, since there is none; `queue-sidecar-image` may be missing here.
 * Source: knative.dev/serving pkg/deployment/config.go.
 */
import type { BlockMap } from '../meta/block-map.ts';
import { parseBlockMap } from '../meta/block-map.ts';
import type { ConfigMapData } from '../meta/config-map-reader.ts';
import { ConfigMapReader } from '../meta/config-map-reader.ts';
import { formatGoDuration } from '../meta/go-duration.ts';
import { dns1123SubdomainFaults } from './name-faults.ts';

export const deploymentConfigName = 'config-deployment';

export interface DeploymentConfig {
  /** Registries whose tags are run as they are written. */
  readonly skippedRegistries: ReadonlySet<string>;
  readonly digestResolutionTimeoutMs: number;
  /** How long a revision may take to get its first pods ready. */
  readonly progressDeadlineSeconds: number;
  readonly defaultAffinity: 'prefer-spread-revision-over-nodes' | 'none';
  /** Labels that a revision must have, by the name of the RuntimeClass that it then gets. */
  readonly runtimeClasses: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** A pod that cannot be scheduled is waited for, and is no failure. */
  readonly isAlwaysSchedulable: boolean;
}

export const defaultDeploymentConfig: DeploymentConfig = {
  skippedRegistries: new Set(['kind.local', 'ko.local', 'dev.local']),
  digestResolutionTimeoutMs: 10_000,
  progressDeadlineSeconds: 600,
  defaultAffinity: 'prefer-spread-revision-over-nodes',
  runtimeClasses: new Map(),
  isAlwaysSchedulable: false,
};

const sidecarQuantities = ['cpu', 'memory', 'ephemeral-storage'].flatMap((resource) => [
  `queue-sidecar-${resource}-request`,
  `queue-sidecar-${resource}-limit`,
]);
const affinities = ['none', 'prefer-spread-revision-over-nodes'] as const;

/** The first thing wrong is reported in upstream's words; then the defaults hold as a whole. */
export function parseDeploymentConfig(data: ConfigMapData): {
  readonly config: DeploymentConfig;
  readonly errors: readonly string[];
} {
  const reader = new ConfigMapReader(data);
  const base = defaultDeploymentConfig;
  const deadlineMs = reader.durationMs(
    'progress-deadline',
    reader.durationMs('progressDeadline', base.progressDeadlineSeconds * 1_000),
  );
  const digestResolutionTimeoutMs = reader.durationMs(
    'digest-resolution-timeout',
    reader.durationMs('digestResolutionTimeout', base.digestResolutionTimeoutMs),
  );
  const skippedRegistries = reader.stringSet(
    'registries-skipping-tag-resolving',
    reader.stringSet('registriesSkippingTagResolving', base.skippedRegistries),
  );
  for (const key of sidecarQuantities) reader.quantity(key, undefined);
  const isAlwaysSchedulable = reader.bool('pod-is-always-schedulable', base.isAlwaysSchedulable);
  const deadline = formatGoDuration(deadlineMs);
  if (deadlineMs <= 0)
    reader.fail(`progress-deadline cannot be a non-positive duration, was ${deadline}`);
  if (deadlineMs % 1_000 !== 0)
    reader.fail(`progress-deadline must be rounded to a whole second, was: ${deadline}`);
  if (digestResolutionTimeoutMs <= 0)
    reader.fail(
      `digest-resolution-timeout cannot be a non-positive duration, was ${formatGoDuration(digestResolutionTimeoutMs)}`,
    );
  const affinity = data?.['default-affinity-type'] ?? base.defaultAffinity;
  const defaultAffinity = affinities.find((known) => known === affinity);
  if (!defaultAffinity)
    reader.fail(`unsupported default-affinity-type value: ${JSON.stringify(affinity)}`);
  const runtimeClasses = readRuntimeClasses(reader, data?.['runtime-class-name'] ?? '');
  if (reader.error !== undefined) return { config: base, errors: [reader.error] };
  const config: DeploymentConfig = {
    skippedRegistries,
    digestResolutionTimeoutMs,
    progressDeadlineSeconds: deadlineMs / 1_000,
    defaultAffinity: defaultAffinity ?? base.defaultAffinity,
    runtimeClasses,
    isAlwaysSchedulable,
  };
  return { config, errors: [] };
}

function readRuntimeClasses(
  reader: ConfigMapReader,
  text: string,
): DeploymentConfig['runtimeClasses'] {
  const classes = new Map<string, Readonly<Record<string, string>>>();
  try {
    for (const [name, entry] of Object.entries(parseBlockMap(text))) {
      const faults = dns1123SubdomainFaults(name);
      if (faults.length > 0)
        reader.fail(
          `runtime-class-name ${name} selector not valid DNSSubdomain: [${faults.join(' ')}]`,
        );
      const { selector = {} }: BlockMap = typeof entry === 'string' ? {} : entry;
      classes.set(name, typeof selector === 'string' ? {} : (selector as Record<string, string>));
    }
  } catch (error) {
    reader.fail(
      `runtime-class-name cannot be parsed, please check the format: ${(error as Error).message}`,
    );
  }
  return classes;
}

/** The class of pods with these labels: of those that fit the most specific, then the first by name. */
export function runtimeClassFor(
  { runtimeClasses }: DeploymentConfig,
  labels: Readonly<Record<string, string>>,
): string | undefined {
  const size = (selector: object): number => Object.keys(selector).length;
  return [...runtimeClasses]
    .filter(([, selector]) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value),
    )
    .sort(
      ([a, aLabels], [b, bLabels]) => size(bLabels) - size(aLabels) || (a < b ? -1 : 1),
    )[0]?.[0];
}
