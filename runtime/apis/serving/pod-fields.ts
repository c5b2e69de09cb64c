/**
 * Which fields of a pod's parts a revision may set, under which feature. A field counts as set when
 * it has more than Go's zero value, since that is what upstream can see.
 * Source: knative.dev/serving pkg/apis/serving/fieldmask.go.
 */
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField } from '../meta/field-error.ts';
import type { FeatureKey, Features } from './features.ts';

const revisionFields = [
  'containerConcurrency',
  'timeoutSeconds',
  'responseStartTimeoutSeconds',
  'idleTimeoutSeconds',
];

const podFields = [
  ...revisionFields,
  'serviceAccountName',
  'containers',
  'volumes',
  'imagePullSecrets',
  'enableServiceLinks',
];

const gatedPodFields: Readonly<Record<string, FeatureKey>> = {
  affinity: 'kubernetes.podspec-affinity',
  topologySpreadConstraints: 'kubernetes.podspec-topologyspreadconstraints',
  hostAliases: 'kubernetes.podspec-hostaliases',
  nodeSelector: 'kubernetes.podspec-nodeselector',
  runtimeClassName: 'kubernetes.podspec-runtimeclassname',
  tolerations: 'kubernetes.podspec-tolerations',
  shareProcessNamespace: 'kubernetes.podspec-shareprocessnamespace',
  priorityClassName: 'kubernetes.podspec-priorityclassname',
  schedulerName: 'kubernetes.podspec-schedulername',
  initContainers: 'kubernetes.podspec-init-containers',
  dnsPolicy: 'kubernetes.podspec-dnspolicy',
  dnsConfig: 'kubernetes.podspec-dnsconfig',
  hostIPC: 'kubernetes.podspec-hostipc',
  hostPID: 'kubernetes.podspec-hostpid',
  hostNetwork: 'kubernetes.podspec-hostnetwork',
};

const volumeFields = ['name', 'secret', 'configMap', 'projected'];
export const gatedVolumeFields: Readonly<Record<string, FeatureKey>> = {
  emptyDir: 'kubernetes.podspec-volumes-emptydir',
  persistentVolumeClaim: 'kubernetes.podspec-persistent-volume-claim',
  hostPath: 'kubernetes.podspec-volumes-hostpath',
  csi: 'kubernetes.podspec-volumes-csi',
  ephemeral: 'kubernetes.podspec-volumes-ephemeral',
  image: 'kubernetes.podspec-volumes-image',
};

const containerFields = [
  'name',
  'image',
  'command',
  'args',
  'env',
  'envFrom',
  'workingDir',
  'imagePullPolicy',
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'securityContext',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'volumeMounts',
];

const securityFields = [
  'capabilities',
  'readOnlyRootFilesystem',
  'runAsUser',
  'runAsGroup',
  'runAsNonRoot',
  'allowPrivilegeEscalation',
  'seccompProfile',
];

const podSecurityFields = [
  'runAsUser',
  'runAsGroup',
  'runAsNonRoot',
  'fsGroup',
  'supplementalGroups',
  'seccompProfile',
];

export const probeFields = [
  'httpGet',
  'tcpSocket',
  'exec',
  'grpc',
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
  'terminationGracePeriodSeconds',
];

/** Go keeps these by pointer: false and 0 are values of theirs. */
const pointerFields = new Set([
  'automountServiceAccountToken',
  'shareProcessNamespace',
  'privileged',
  'hostUsers',
  'setHostnameAsFQDN',
  'terminationGracePeriodSeconds',
  'activeDeadlineSeconds',
  'priority',
  'procMount',
  'fsGroupChangePolicy',
  'recursiveReadOnly',
  'mountPropagation',
]);

/** One error that names the fields of `object` which are set and not among `allowed`; none when it has none. */
export function disallowedFields(
  object: object,
  allowed: readonly string[],
): readonly FieldError[] {
  const found = Object.entries(object)
    .filter(([field, value]) => !allowed.includes(field) && isSet(field, value))
    .map(([field]) => field);
  return found.length === 0 ? [] : [disallowedField(...found)];
}

function isSet(field: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  return pointerFields.has(field) || (value !== false && value !== 0 && value !== '');
}

const isOn = (features: Features, key: FeatureKey | undefined): boolean =>
  key !== undefined && features[key] !== 'Disabled';

const openGates = (
  features: Features,
  gates: Readonly<Record<string, FeatureKey>>,
): readonly string[] => Object.keys(gates).filter((field) => isOn(features, gates[field]));

export const checkPodFields = (spec: object, features: Features): readonly FieldError[] => {
  const isSecurityOpen =
    isOn(features, 'kubernetes.podspec-securitycontext') || isOn(features, 'secure-pod-defaults');
  const { automountServiceAccountToken } = spec as { automountServiceAccountToken?: unknown };
  return disallowedFields(spec, [
    ...podFields,
    ...openGates(features, gatedPodFields),
    ...(isSecurityOpen ? ['securityContext'] : []),
    ...(automountServiceAccountToken === false ? ['automountServiceAccountToken'] : []),
  ]);
};

export const checkVolumeFields = (volume: object, features: Features): readonly FieldError[] =>
  disallowedFields(volume, [...volumeFields, ...openGates(features, gatedVolumeFields)]);

export const checkContainerFields = (container: object): readonly FieldError[] =>
  disallowedFields(container, containerFields);

export const checkSecurityFields = (context: object): readonly FieldError[] =>
  disallowedFields(context, [
    ...securityFields,
    ...((context as { privileged?: unknown }).privileged === false ? ['privileged'] : []),
  ]);

/** With `secure-pod-defaults` alone, a pod may only say which seccomp profile it wants. */
export function checkPodSecurityFields(context: object, features: Features): readonly FieldError[] {
  if (isOn(features, 'kubernetes.podspec-securitycontext'))
    return disallowedFields(context, podSecurityFields);
  const { seccompProfile } = context as { seccompProfile?: { type?: string } };
  const isKnownProfile =
    isOn(features, 'secure-pod-defaults') &&
    ['RuntimeDefault', 'Unconfined'].includes(seccompProfile?.type ?? '');
  return disallowedFields(context, isKnownProfile ? ['seccompProfile'] : []);
}

export const checkMountFields = (mount: object, features: Features): readonly FieldError[] =>
  disallowedFields(mount, [
    'name',
    'readOnly',
    'mountPath',
    'subPath',
    ...(isOn(features, 'kubernetes.podspec-volumes-mount-propagation') ? ['mountPropagation'] : []),
  ]);

export const checkEnvSourceFields = (source: object, features: Features): readonly FieldError[] =>
  disallowedFields(source, [
    'configMapKeyRef',
    'secretKeyRef',
    ...(isOn(features, 'kubernetes.podspec-fieldref') ? ['fieldRef', 'resourceFieldRef'] : []),
  ]);
