/**
 * The ConfigMap `config-features`: which parts of a pod's spec a revision may use, and a few
 * behaviours. A value that is no flag leaves the default standing, as upstream does.
 * Source: knative.dev/serving pkg/apis/config/features.go.
 */
export const featuresConfigName = 'config-features';

/** `Allowed` lets the field through without turning the behaviour on. */
export type Flag = 'Enabled' | 'Allowed' | 'Disabled' | 'AllowRootBounded';

/** Upstream's key of each feature, with upstream's default. */
const upstreamDefaults = {
  'autodetect-http2': 'Disabled',
  'domainmapping-direct-route-traffic': 'Disabled',
  'kubernetes.containerspec-addcapabilities': 'Disabled',
  'kubernetes.podspec-affinity': 'Disabled',
  'kubernetes.podspec-dnsconfig': 'Disabled',
  'kubernetes.podspec-dnspolicy': 'Disabled',
  'kubernetes.podspec-fieldref': 'Disabled',
  'kubernetes.podspec-hostaliases': 'Disabled',
  'kubernetes.podspec-hostipc': 'Disabled',
  'kubernetes.podspec-hostnetwork': 'Disabled',
  'kubernetes.podspec-hostpid': 'Disabled',
  'kubernetes.podspec-init-containers': 'Disabled',
  'kubernetes.podspec-nodeselector': 'Disabled',
  'kubernetes.podspec-persistent-volume-claim': 'Disabled',
  'kubernetes.podspec-persistent-volume-write': 'Disabled',
  'kubernetes.podspec-priorityclassname': 'Disabled',
  'kubernetes.podspec-runtimeclassname': 'Disabled',
  'kubernetes.podspec-schedulername': 'Disabled',
  'kubernetes.podspec-securitycontext': 'Disabled',
  'kubernetes.podspec-shareprocessnamespace': 'Disabled',
  'kubernetes.podspec-tolerations': 'Disabled',
  'kubernetes.podspec-topologyspreadconstraints': 'Disabled',
  'kubernetes.podspec-volumes-csi': 'Disabled',
  'kubernetes.podspec-volumes-emptydir': 'Enabled',
  'kubernetes.podspec-volumes-ephemeral': 'Disabled',
  'kubernetes.podspec-volumes-hostpath': 'Disabled',
  'kubernetes.podspec-volumes-image': 'Disabled',
  'kubernetes.podspec-volumes-mount-propagation': 'Disabled',
  'multi-container': 'Enabled',
  'multi-container-probing': 'Disabled',
  'queueproxy.mount-podinfo': 'Disabled',
  'queueproxy.resource-defaults': 'Disabled',
  'secure-pod-defaults': 'Disabled',
  'tag-header-based-routing': 'Disabled',
} as const satisfies Readonly<Record<string, Flag>>;

export type FeatureKey = keyof typeof upstreamDefaults;
export type Features = Readonly<Record<FeatureKey, Flag>>;

export const upstreamFeatures: Features = upstreamDefaults;

/**
 * What holds where the ConfigMap is silent: upstream's defaults, but for init containers and
 * persistent volumes, which the plugin's own functions and builds use.
 */
export const defaultFeatures: Features = {
  ...upstreamDefaults,
  'kubernetes.podspec-init-containers': 'Enabled',
  'kubernetes.podspec-persistent-volume-claim': 'Enabled',
  'kubernetes.podspec-persistent-volume-write': 'Enabled',
};

const flags: readonly Flag[] = ['Enabled', 'Allowed', 'Disabled'];
const securePodFlags: readonly Flag[] = ['Enabled', 'AllowRootBounded', 'Disabled'];

/** Reads the ConfigMap's data over `defaults`; unknown keys and values are ignored. */
export function parseFeatures(
  data: Readonly<Record<string, string>> | undefined,
  defaults: Features = defaultFeatures,
): Features {
  const features: Record<FeatureKey, Flag> = { ...defaults };
  for (const key of Object.keys(upstreamDefaults) as FeatureKey[]) {
    const text = data?.[key]?.toLowerCase();
    const known = key === 'secure-pod-defaults' ? securePodFlags : flags;
    const flag = known.find((candidate) => candidate.toLowerCase() === text);
    if (flag) features[key] = flag;
  }
  return features;
}

/** Whether containers get the settings of the `restricted` pod security profile. */
export const arePodsSecured = (features: Features): boolean =>
  features['secure-pod-defaults'] === 'Enabled' ||
  features['secure-pod-defaults'] === 'AllowRootBounded';
