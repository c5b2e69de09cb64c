/**
 * What an API server must know of the core/v1 kinds: columns, defaults and the validation that
 * clients run into. Fields that no room of Knit reads pass through unjudged.
 * Source: k8s.io/kubernetes pkg/apis/core (defaults, rules).
 */
import { forbidden } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import { validatePodSpec, validatePodUpdate } from './pod-rules.ts';
import { defaultPod } from './pod-spec.ts';
import { qosClassOf } from './qos-class.ts';
import { validateClaim } from './claim-rules.ts';
import { validateConfigMap, validateSecret } from './config-rules.ts';
import { validateEvent } from './event-rules.ts';
import { resourceDefinitions } from './resource-definitions.ts';
import { defaultService, validateService } from './service-rules.ts';
import { ageColumn } from './workload-columns.ts';
import type {
  ConfigMap,
  CoreService,
  Event,
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
  applyDefaults(object, { operation, old }) {
    // An update that leaves the spec alone (labels, finalizers) needs no second look at it.
    const before = (old as Pod | undefined)?.spec;
    const spec = before === object.spec ? object.spec : defaultPod(object.spec);
    const made = { ...object, spec };
    // Admission may change what a Pod asks for, so the class is found anew each time.
    return operation === 'CREATE'
      ? { ...made, status: { phase: 'Pending', ...made.status, qosClass: qosClassOf(spec) } }
      : made;
  },
  validate(object, { old }) {
    const before = (old as Pod | undefined)?.spec;
    if (before !== undefined && before === object.spec) return [];
    const errors = validatePodSpec(object.spec, 'spec');
    if (before) return [...errors, ...validatePodUpdate(object.spec, before)];
    return object.spec?.['ephemeralContainers']
      ? [...errors, forbidden('spec.ephemeralContainers', 'cannot be set on create')]
      : errors;
  },
};

const service: KindDefinition<CoreService> = {
  ...coreServiceKind,
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  hasStatus: true,
  hasGeneration: false,
  applyDefaults: defaultService,
  validate: validateService,
};

const namespace: KindDefinition<Namespace> = {
  ...namespaceKind,
  singular: 'namespace',
  shortNames: ['ns'],
  hasStatus: true,
  hasGeneration: false,
  columns: [{ name: 'Status', type: 'string', jsonPath: '.status.phase' }, ageColumn],
  applyDefaults: (object, { operation }) =>
    withStatus(
      {
        ...object,
        // What stands for the namespace's content until that is gone; see namespace-lifecycle.ts.
        ...(operation === 'CREATE'
          ? {
              spec: {
                finalizers: [...new Set([...(object.spec?.finalizers ?? []), 'kubernetes'])],
              },
            }
          : {}),
        // A name that is generated is not there at first.
        metadata: object.metadata.name
          ? {
              ...object.metadata,
              labels: {
                ...object.metadata.labels,
                'kubernetes.io/metadata.name': object.metadata.name,
              },
            }
          : object.metadata,
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
  validate: validateConfigMap,
};

const secret: KindDefinition<Secret> = {
  ...secretKind,
  singular: 'secret',
  hasStatus: false,
  hasGeneration: false,
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
  validate: validateSecret,
};

const persistentVolumeClaim: KindDefinition<PersistentVolumeClaim> = {
  ...persistentVolumeClaimKind,
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  hasStatus: true,
  hasGeneration: false,
  applyDefaults: (object) =>
    withStatus(
      typeof object.spec === 'object' && object.spec !== null
        ? {
            ...object,
            spec: { ...object.spec, volumeMode: object.spec.volumeMode ?? 'Filesystem' },
          }
        : object,
      { phase: 'Pending' },
    ),
  validate: validateClaim,
};

const persistentVolume: KindDefinition<PersistentVolume> = {
  ...persistentVolumeKind,
  singular: 'persistentvolume',
  shortNames: ['pv'],
  hasStatus: true,
  hasGeneration: false,
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
    deprecationWarning:
      'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
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
  },
  {
    ...serviceAccountKind,
    singular: 'serviceaccount',
    shortNames: ['sa'],
    hasStatus: false,
    hasGeneration: false,
    columns: [ageColumn],
  },
  {
    ...eventKind,
    singular: 'event',
    shortNames: ['ev'],
    hasStatus: false,
    hasGeneration: false,
    // Notes for people; nothing is decided by them.
    durability: 'behind',
    validate: (object) => validateEvent(object as Event, 'reportingComponent'),
  },
  ...resourceDefinitions,
];

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
