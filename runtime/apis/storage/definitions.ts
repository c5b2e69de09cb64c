/** storage.k8s.io/v1: StorageClasses are stored and shown; claims of the local home are node-local whatever their class. */
import { oneOf, required, unchanged } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';

interface StorageClass extends KubeObject {
  provisioner?: string;
  parameters?: Record<string, string>;
  reclaimPolicy?: string;
  volumeBindingMode?: string;
  allowVolumeExpansion?: boolean;
}

const storageClass: KindDefinition<StorageClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  namespaced: false,
  hasStatus: false,
  hasGeneration: false,
  applyDefaults: (object) => ({
    ...object,
    reclaimPolicy: object.reclaimPolicy ?? 'Delete',
    volumeBindingMode: object.volumeBindingMode ?? 'Immediate',
  }),
  validate(object, { old }) {
    const before: StorageClass | undefined = old;
    return [
      ...(object.provisioner ? [] : [required('provisioner')]),
      ...oneOf('reclaimPolicy', object.reclaimPolicy, ['Delete', 'Retain']),
      ...oneOf('volumeBindingMode', object.volumeBindingMode, [
        'Immediate',
        'WaitForFirstConsumer',
      ]),
      ...(before
        ? [
            ...unchanged('provisioner', object.provisioner, before.provisioner),
            ...unchanged('parameters', object.parameters, before.parameters),
            ...unchanged('reclaimPolicy', object.reclaimPolicy, before.reclaimPolicy),
            ...unchanged('volumeBindingMode', object.volumeBindingMode, before.volumeBindingMode),
          ]
        : []),
    ];
  },
};

export const storageDefinitions: readonly KindDefinition[] = [storageClass];
