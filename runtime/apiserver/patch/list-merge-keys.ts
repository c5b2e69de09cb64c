/**
 * Which lists of the built-in kinds are maps in disguise: their items are told apart by keys, so
 * patches and applies merge item by item. Lists that are not named here, and all lists of other
 * groups, are replaced whole, as upstream does without schema markers. Pure.
 *
 * Source: k8s.io/api (patchMergeKey, listMapKey and listType markers).
 */
export type ListShape =
  | { readonly type: 'atomic' }
  | { readonly type: 'set' }
  | { readonly type: 'map'; readonly keys: readonly string[] };

const atomic: ListShape = { type: 'atomic' };
const set: ListShape = { type: 'set' };
const by = (...keys: string[]): ListShape => ({ type: 'map', keys });

/** Of every kind's metadata. */
const metadataLists: Readonly<Record<string, ListShape>> = {
  'metadata.finalizers': set,
  'metadata.ownerReferences': by('uid'),
};

/** By field name: the same name means the same list throughout the built-in kinds. */
const builtinLists: Readonly<Record<string, ListShape>> = {
  containers: by('name'),
  initContainers: by('name'),
  ephemeralContainers: by('name'),
  env: by('name'),
  volumes: by('name'),
  volumeMounts: by('mountPath'),
  volumeDevices: by('devicePath'),
  imagePullSecrets: by('name'),
  secrets: by('name'),
  hostAliases: by('ip'),
  topologySpreadConstraints: by('topologyKey', 'whenUnsatisfiable'),
  resourceClaims: by('name'),
  conditions: by('type'),
  podIPs: by('ip'),
  hostIPs: by('ip'),
  webhooks: by('name'),
  addresses: by('type'),
};

/** Fields that hold an object which is replaced whole. */
const builtinAtomicMaps = new Set([
  'selector',
  'labelSelector',
  'nodeSelector',
  'secretKeyRef',
  'configMapKeyRef',
  'fieldRef',
  'resourceFieldRef',
  'claimRef',
  'involvedObject',
  'secretRef',
  'targetRef',
  'roleRef',
]);

/** Knows the lists and maps of one kind. Built once per request from the object's group. */
export interface MergeSchema {
  listShape(path: readonly string[]): ListShape;
  isAtomicMap(path: readonly string[]): boolean;
}

/** Built-in kinds have the schema above; kinds that upstream serves as custom resources have none. */
export function mergeSchemaOf(group: string): MergeSchema {
  return isBuiltinGroup(group) ? builtinSchema : customSchema;
}

/** Groups that a real API server has compiled in: strategic merge patch works on these only. */
export function isBuiltinGroup(group: string): boolean {
  if (['', 'apps', 'batch', 'autoscaling', 'policy', 'extensions'].includes(group)) return true;
  return group.endsWith('.k8s.io') && !group.startsWith('gateway.networking.');
}

const customSchema: MergeSchema = {
  listShape: (path) => metadataLists[path.join('.')] ?? atomic,
  isAtomicMap: () => false,
};

const builtinSchema: MergeSchema = {
  listShape(path) {
    const common = metadataLists[path.join('.')];
    if (common) return common;
    const field = path.at(-1) ?? '';
    // Ports of a container and of a Service are different lists under one name.
    if (field === 'ports')
      return path.includes('containers') || path.includes('initContainers')
        ? by('containerPort', 'protocol')
        : path.includes('subsets')
          ? atomic
          : by('port', 'protocol');
    if (field === 'addresses' && path.includes('subsets')) return atomic;
    return Object.hasOwn(builtinLists, field) ? (builtinLists[field] ?? atomic) : atomic;
  },
  isAtomicMap: (path) => builtinAtomicMaps.has(path.at(-1) ?? ''),
};

/** Values that an item has when it leaves a key field out, by the API's defaults. */
const keyDefaults: Readonly<Record<string, string>> = { protocol: 'TCP' };

/** The item's identity within its list as `[key, value]` pairs; undefined when a key is missing. */
export function itemKeys(
  item: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): [string, unknown][] | undefined {
  const pairs: [string, unknown][] = [];
  for (const key of keys) {
    const value = item[key] ?? keyDefaults[key];
    if (value === undefined) return undefined;
    pairs.push([key, value]);
  }
  return pairs;
}
