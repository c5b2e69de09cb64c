/**
 * What an API server must know of the core/v1 kinds: columns, defaults and the validation that
 * clients run into. Fields that no room of Knit reads pass through unjudged.
 * Source: k8s.io/kubernetes pkg/apis/core (defaults, rules).
 */
import type { FieldError } from '../meta/field-error.ts';
import type { AdmissionContext, KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import { defaultPodSpec, validatePodSpec } from './pod-spec.ts';
import { defaultService, validateService } from './service-rules.ts';
import { isSameStringMap } from './string-map.ts';
import type {
  ConfigMap,
  CoreService,
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
} from './types.ts';
import {
  configMapKind,
  coreServiceKind,
  endpointsKind,
  eventKind,
  namespaceKind,
  nodeKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
  podKind,
  secretKind,
  serviceAccountKind,
} from './types.ts';

const pod: KindDefinition<Pod> = {
  ...podKind,
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  hasStatus: true,
  // The agent can tell from the machine which pods there are.
  durability: 'behind',
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    },
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Restarts', type: 'integer', jsonPath: '.status.containerStatuses[0].restartCount' },
    { name: 'IP', type: 'string', jsonPath: '.status.podIP', priority: 1 },
    { name: 'Node', type: 'string', jsonPath: '.spec.nodeName', priority: 1 },
  ],
  applyDefaults: (object) =>
    withStatus({ ...object, spec: defaultPodSpec(object.spec) }, { phase: 'Pending' }),
  validate: (object) => validatePodSpec(object.spec, 'spec'),
};

const service: KindDefinition<CoreService> = {
  ...coreServiceKind,
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: false,
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.spec.type' },
    { name: 'Cluster-IP', type: 'string', jsonPath: '.spec.clusterIP' },
    { name: 'External-Name', type: 'string', jsonPath: '.spec.externalName' },
    { name: 'Port(s)', type: 'string', jsonPath: '.spec.ports[0].port' },
  ],
  applyDefaults: defaultService,
  validate: validateService,
};

const namespace: KindDefinition<Namespace> = {
  ...namespaceKind,
  singular: 'namespace',
  shortNames: ['ns'],
  hasStatus: true,
  hasGeneration: false,
  columns: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }],
  applyDefaults: (object) =>
    withStatus(
      {
        ...object,
        metadata: {
          ...object.metadata,
          labels: {
            ...object.metadata.labels,
            'kubernetes.io/metadata.name': object.metadata.name,
          },
        },
      },
      { phase: 'Active' },
    ),
};

const configMap: KindDefinition<ConfigMap> = {
  ...configMapKind,
  singular: 'configmap',
  shortNames: ['cm'],
  hasStatus: false,
  hasGeneration: false,
  validate: (object, context) => [
    ...validateKeys(object.data, 'data'),
    ...validateKeys(object.binaryData, 'binaryData'),
    ...validateImmutable(object, context),
  ],
};

const secret: KindDefinition<Secret> = {
  ...secretKind,
  singular: 'secret',
  hasStatus: false,
  hasGeneration: false,
  columns: [{ name: 'Type', type: 'string', jsonPath: '.type' }],
  applyDefaults(object) {
    const { stringData, ...rest } = object;
    if (stringData === undefined) return { ...rest, type: object.type ?? 'Opaque' };
    const encoded = Object.entries(stringData).map(
      ([key, value]) => [key, encodeBase64(value)] as const,
    );
    return {
      ...rest,
      type: object.type ?? 'Opaque',
      data: { ...object.data, ...Object.fromEntries(encoded) },
    };
  },
  validate: (object, context) => [
    ...validateKeys(object.data, 'data'),
    ...Object.entries(object.data ?? {})
      .filter(([, value]) => typeof value !== 'string' || !base64Pattern.test(value))
      .map(([key]) => ({ message: 'invalid value: not base64', paths: [`data[${key}]`] })),
    ...validateImmutable(object, context),
  ],
};

const persistentVolumeClaim: KindDefinition<PersistentVolumeClaim> = {
  ...persistentVolumeClaimKind,
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  hasStatus: true,
  hasGeneration: false,
  columns: [
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Volume', type: 'string', jsonPath: '.spec.volumeName' },
  ],
  applyDefaults: (object) => withStatus(object, { phase: 'Pending' }),
};

const persistentVolume: KindDefinition<PersistentVolume> = {
  ...persistentVolumeKind,
  singular: 'persistentvolume',
  shortNames: ['pv'],
  hasStatus: true,
  hasGeneration: false,
  columns: [
    { name: 'Reclaim Policy', type: 'string', jsonPath: '.spec.persistentVolumeReclaimPolicy' },
    { name: 'Status', type: 'string', jsonPath: '.status.phase' },
    { name: 'Claim', type: 'string', jsonPath: '.spec.claimRef.name' },
  ],
  applyDefaults: (object) => withStatus(object, { phase: 'Available' }),
};

export const coreDefinitions: readonly KindDefinition[] = [
  pod as unknown as KindDefinition,
  service as unknown as KindDefinition,
  namespace,
  configMap,
  secret,
  persistentVolumeClaim as unknown as KindDefinition,
  persistentVolume as unknown as KindDefinition,
  {
    ...endpointsKind,
    singular: 'endpoints',
    shortNames: ['ep'],
    hasStatus: false,
    hasGeneration: false,
    // Follows from Pods.
    durability: 'behind',
  },
  {
    ...nodeKind,
    singular: 'node',
    shortNames: ['no'],
    hasStatus: true,
    hasGeneration: false,
    durability: 'behind',
    columns: [
      {
        name: 'Status',
        type: 'string',
        jsonPath: '.status.conditions[?(@.type=="Ready")].status',
      },
    ],
  },
  {
    ...serviceAccountKind,
    singular: 'serviceaccount',
    shortNames: ['sa'],
    hasStatus: false,
    hasGeneration: false,
  },
  {
    ...eventKind,
    singular: 'event',
    shortNames: ['ev'],
    hasStatus: false,
    hasGeneration: false,
    // Notes for people; nothing is decided by them.
    durability: 'behind',
    columns: [
      { name: 'Last Seen', type: 'date', jsonPath: '.lastTimestamp' },
      { name: 'Type', type: 'string', jsonPath: '.type' },
      { name: 'Reason', type: 'string', jsonPath: '.reason' },
      { name: 'Kind', type: 'string', jsonPath: '.involvedObject.kind' },
      { name: 'Object', type: 'string', jsonPath: '.involvedObject.name' },
      { name: 'Message', type: 'string', jsonPath: '.message' },
    ],
  },
];

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const dataKeyPattern = /^[-._a-zA-Z0-9]{1,253}$/;

/** Base64 of UTF-8, without a Node API: this floor is pure data. */
function encodeBase64(text: string): string {
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return btoa(bytes);
}

function withStatus<T extends KubeObject & { status?: { phase?: unknown } }>(
  object: T,
  status: NonNullable<T['status']>,
): T {
  return object.status?.phase === undefined
    ? { ...object, status: { ...object.status, ...status } }
    : object;
}

function validateKeys(data: unknown, field: string): FieldError[] {
  if (data === undefined) return [];
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    return [{ message: 'invalid value: must be a map', paths: [field] }];
  return Object.keys(data)
    .filter((key) => !dataKeyPattern.test(key) || key === '.' || key === '..')
    .map((key) => ({
      message: 'invalid key name: only letters, digits, "-", "_" and "." are allowed',
      paths: [`${field}[${key}]`],
    }));
}

/** Both kinds freeze their data, and the switch itself, once `immutable` is set. */
function validateImmutable(object: ConfigMap | Secret, { old }: AdmissionContext): FieldError[] {
  const before: ConfigMap | Secret | undefined = old;
  if (before?.immutable !== true) return [];
  const binaryOf = (item: ConfigMap | Secret): Record<string, string> =>
    ('binaryData' in item && item.binaryData) || {};
  const isSame =
    isSameStringMap(object.data, before.data) &&
    isSameStringMap(binaryOf(object), binaryOf(before));
  if (object.immutable === true && isSame) return [];
  return [{ message: 'field is immutable when `immutable` is set', paths: ['data'] }];
}
