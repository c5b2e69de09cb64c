/**
 * Volumes of a Revision's pods: which sources, under which feature, and that each is mounted.
 * Source: knative.dev/serving pkg/apis/serving/k8s_validation.go.
 */
import type { Volume } from '../core/types.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue, missingField, under } from '../meta/field-error.ts';
import { canonicalQuantity } from '../schema/quantity.ts';
import type { FeatureKey, Features } from './features.ts';
import { checkVolumeFields, disallowedFields, gatedVolumeFields } from './pod-fields.ts';

const dns1123Label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Sources in the order in which upstream looks at them, with the words for those behind a feature. */
const gatedNames: readonly (readonly [string, FeatureKey, string])[] = [
  ['image', 'kubernetes.podspec-volumes-image', 'Image'],
  ['emptyDir', 'kubernetes.podspec-volumes-emptydir', 'EmptyDir'],
  ['hostPath', 'kubernetes.podspec-volumes-hostpath', 'HostPath'],
  ['csi', 'kubernetes.podspec-volumes-csi', 'CSI'],
  ['ephemeral', 'kubernetes.podspec-volumes-ephemeral', 'Ephemeral'],
];
const sources = ['secret', 'configMap', 'projected', ...Object.keys(gatedVolumeFields)];
const projections = ['secret', 'configMap', 'serviceAccountToken', 'downwardAPI'] as const;

/** Paths begin at the list. */
export function validateVolumes(
  volumes: readonly Volume[],
  mounted: ReadonlySet<string>,
  features: Features,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const { name } = volume;
    const found: FieldError[] = [];
    if (seen.has(name)) found.push({ message: `duplicate volume name "${name}"`, paths: ['name'] });
    if (!mounted.has(name))
      found.push({ message: `volume with name "${name ?? ''}" not mounted`, paths: ['name'] });
    seen.add(name);
    errors.push(...under(`[${index}]`, [...found, ...validateVolume(volume, features)]));
  }
  return errors;
}

function validateVolume(volume: Volume, features: Features): readonly FieldError[] {
  let errors: FieldError[] = [...checkFeatures(volume, features)];
  const { name } = volume;
  // A bad name stands alone: upstream forgets what it found before it.
  if (!name) errors = [missingField('name')];
  else if (!dns1123Label.test(name)) errors = [invalidValue(name, 'name')];
  errors.push(...checkVolumeFields(volume, features));
  const { secret, configMap, projected, emptyDir } = volume;
  for (const source of [secret, configMap])
    for (const [index, item] of (source?.items ?? []).entries())
      errors.push(...under(`items[${index}]`, validateItem(item)));
  for (const [index, projection] of (projected?.sources ?? []).entries())
    errors.push(...under(`projected[${index}]`, validateProjection(projection)));
  if (emptyDir) errors.push(...under('emptyDir', validateEmptyDir(emptyDir)));
  if (volume['image']) errors.push(...under('image', validateImage(volume['image'])));
  const specified = sources.filter((source) => volume[source] !== undefined);
  if (specified.length === 0) {
    const open = sources.filter((source) => {
      const gate = gatedVolumeFields[source];
      return gate === undefined || features[gate] === 'Enabled';
    });
    errors.push({ message: 'expected exactly one, got neither', paths: open });
  } else if (specified.length > 1)
    errors.push({ message: 'expected exactly one, got both', paths: specified });
  return errors;
}

function checkFeatures(volume: Volume, features: Features): readonly FieldError[] {
  const errors: FieldError[] = [];
  const claim = volume.persistentVolumeClaim;
  if (claim) {
    if (features['kubernetes.podspec-persistent-volume-claim'] !== 'Enabled')
      errors.push({
        message: `Persistent volume claim support is disabled, but found persistent volume claim ${claim.claimName}`,
        paths: [],
      });
    if (!claim.readOnly && features['kubernetes.podspec-persistent-volume-write'] !== 'Enabled')
      errors.push({
        message: `Persistent volume write support is disabled, but found persistent volume claim ${claim.claimName} that is not read-only`,
        paths: [],
      });
  }
  for (const [source, feature, what] of gatedNames)
    if (volume[source] !== undefined && features[feature] !== 'Enabled')
      errors.push({
        message: `${what} volume support is disabled, but found ${what} volume ${volume.name}`,
        paths: [],
      });
  return errors;
}

function validateItem(item: { key?: string; path?: string }): readonly FieldError[] {
  const missing = (['key', 'path'] as const).filter((field) => !item[field]);
  return [
    ...disallowedFields(item, ['key', 'path', 'mode']),
    ...(missing.length === 0 ? [] : [missingField(...missing)]),
  ];
}

interface Projection {
  readonly secret?: NamedProjection;
  readonly configMap?: NamedProjection;
  readonly serviceAccountToken?: { readonly path?: string };
  readonly downwardAPI?: {
    readonly items?: readonly { path?: string; fieldRef?: unknown; resourceFieldRef?: unknown }[];
  };
}
interface NamedProjection {
  readonly name?: string;
  readonly items?: readonly { key?: string; path?: string }[];
}

function validateProjection(given: unknown): readonly FieldError[] {
  const projection = given as Projection;
  const errors: FieldError[] = [...disallowedFields(projection, projections)];
  for (const source of ['secret', 'configMap'] as const) {
    const named = projection[source];
    if (!named) continue;
    if (!named.name) errors.push(missingField(`${source}.name`));
    for (const [index, item] of (named.items ?? []).entries())
      errors.push(...under(`${source}.items[${index}]`, validateItem(item)));
  }
  const token = projection.serviceAccountToken;
  if (token && !token.path) errors.push(missingField('serviceAccountToken.path'));
  for (const [index, item] of (projection.downwardAPI?.items ?? []).entries())
    errors.push(...under(`downwardAPI.items[${index}]`, validateDownwardItem(item)));
  const specified = projections.filter((source) => projection[source] !== undefined);
  if (specified.length === 0)
    errors.push({ message: 'expected exactly one, got neither', paths: projections });
  else if (specified.length > 1)
    errors.push({ message: 'expected exactly one, got both', paths: specified });
  return errors;
}

function validateDownwardItem(item: {
  path?: string;
  fieldRef?: unknown;
  resourceFieldRef?: unknown;
}): readonly FieldError[] {
  const errors: FieldError[] = [];
  const references = ['fieldRef', 'resourceFieldRef'];
  if (!item.fieldRef && !item.resourceFieldRef)
    errors.push({ message: 'expected exactly one, got neither', paths: references });
  if (item.fieldRef && item.resourceFieldRef)
    errors.push({ message: 'Within a single item, cannot set both', paths: references });
  if (!item.path) errors.push(missingField('path'));
  return errors;
}

function validateEmptyDir(dir: NonNullable<Volume['emptyDir']>): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { medium = '', sizeLimit } = dir;
  if (medium !== '' && medium !== 'Memory') errors.push(invalidValue(medium, 'medium'));
  if (sizeLimit !== undefined && isNegative(sizeLimit))
    errors.push(invalidValue(sizeLimit, 'sizeLimit'));
  return errors;
}

function isNegative(quantity: string | number): boolean {
  try {
    return canonicalQuantity(String(quantity)).startsWith('-');
  } catch {
    return true;
  }
}

function validateImage(image: unknown): readonly FieldError[] {
  const { reference, pullPolicy } = image as { reference?: string; pullPolicy?: string };
  const errors: FieldError[] = [];
  if (!reference) errors.push(missingField('reference'));
  if (pullPolicy && !['IfNotPresent', 'Always', 'Never'].includes(pullPolicy))
    errors.push(invalidValue(pullPolicy, 'pullPolicy'));
  return errors;
}

/** The one error of a spec whose list is none, which nothing after it could make sense of. */
export const notAList = (value: unknown, path: string): FieldError =>
  invalidValue(JSON.stringify(value), path, 'must be a list of objects');
