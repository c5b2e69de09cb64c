/**
 * The columns of volumes, claims and their classes, as kubectl shows them. Pure.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (columns and cells).
 */
import { getPath, isJsonObject, type JsonObject } from '../json-value.ts';
import { age, ageOf, column, textAt, type Printer } from './printer.ts';

const UNSET = '<unset>';
const NO_QUANTITY = '0';

/** In this order, whatever the object's own. */
const accessModes: readonly (readonly [string, string])[] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

function accessModesAt(object: JsonObject, path: string): string {
  const modes = getPath(object, path);
  if (!Array.isArray(modes)) return '';
  return accessModes
    .filter(([mode]) => modes.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

const phaseOf = (object: JsonObject): string =>
  getPath(object, 'metadata.deletionTimestamp') === undefined
    ? textAt(object, 'status.phase')
    : 'Terminating';

/** The class was an annotation once, and an annotation still wins. */
function classOf(object: JsonObject): string {
  const annotations = getPath(object, 'metadata.annotations');
  const old = isJsonObject(annotations)
    ? annotations['volume.beta.kubernetes.io/storage-class']
    : undefined;
  return typeof old === 'string' ? old : textAt(object, 'spec.storageClassName');
}

function volumeCells(volume: JsonObject, nowMs: number): readonly unknown[] {
  const claim = getPath(volume, 'spec.claimRef');
  return [
    textAt(volume, 'spec.capacity.storage') || NO_QUANTITY,
    accessModesAt(volume, 'spec.accessModes'),
    textAt(volume, 'spec.persistentVolumeReclaimPolicy'),
    phaseOf(volume),
    isJsonObject(claim) ? `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}` : '',
    classOf(volume),
    textAt(volume, 'spec.volumeAttributesClassName') || UNSET,
    textAt(volume, 'status.reason'),
    ageOf(volume, nowMs),
    textAt(volume, 'spec.volumeMode') || UNSET,
  ];
}

function claimCells(claim: JsonObject, nowMs: number): readonly unknown[] {
  const volume = textAt(claim, 'spec.volumeName');
  const isBound = volume !== '';
  return [
    phaseOf(claim),
    volume,
    isBound ? textAt(claim, 'status.capacity.storage') || NO_QUANTITY : '',
    isBound ? accessModesAt(claim, 'status.accessModes') : '',
    classOf(claim),
    textAt(claim, 'spec.volumeAttributesClassName') || UNSET,
    ageOf(claim, nowMs),
    textAt(claim, 'spec.volumeMode') || UNSET,
  ];
}

const isDefaultClass = (object: JsonObject): boolean => {
  const annotations = getPath(object, 'metadata.annotations');
  return (
    isJsonObject(annotations) &&
    [
      'storageclass.kubernetes.io/is-default-class',
      'storageclass.beta.kubernetes.io/is-default-class',
    ].some((key) => annotations[key] === 'true')
  );
};

/** By the resource's name in the store. */
export const storagePrinters: Readonly<Record<string, Printer>> = {
  '/persistentvolumes': {
    columns: [
      column('Capacity'),
      column('Access Modes'),
      column('Reclaim Policy'),
      column('Status'),
      column('Claim'),
      column('StorageClass'),
      column('VolumeAttributesClass'),
      column('Reason'),
      age,
      column('VolumeMode', 1),
    ],
    cells: volumeCells,
  },
  '/persistentvolumeclaims': {
    columns: [
      column('Status'),
      column('Volume'),
      column('Capacity'),
      column('Access Modes'),
      column('StorageClass'),
      column('VolumeAttributesClass'),
      age,
      column('VolumeMode', 1),
    ],
    cells: claimCells,
  },
  'storage.k8s.io/storageclasses': {
    columns: [
      column('Provisioner'),
      column('ReclaimPolicy'),
      column('VolumeBindingMode'),
      column('AllowVolumeExpansion'),
      age,
    ],
    name: (object) =>
      `${textAt(object, 'metadata.name')}${isDefaultClass(object) ? ' (default)' : ''}`,
    cells: (object, nowMs) => [
      textAt(object, 'provisioner'),
      textAt(object, 'reclaimPolicy') || 'Delete',
      textAt(object, 'volumeBindingMode') || 'Immediate',
      getPath(object, 'allowVolumeExpansion') === true,
      ageOf(object, nowMs),
    ],
  },
};
