/**
 * The kinds that this server serves, found by path or by kind: the native ones, fixed at start, and
 * those that CustomResourceDefinitions bring and take away at run time. A native kind keeps its
 * path and its kind whatever a CRD says (docs/decisions/0006). Lookups take constant time; lists are made anew
 * only after a change.
 */
import type { JsonSchema } from '../apis/apiextensions/types.ts';
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import { apiVersionOf } from '../apis/meta/object.ts';
import type { WebhookConversion } from './crd/conversion-webhook.ts';
import { compareVersions } from './crd/version-priority.ts';
import type { GroupResource } from './status-error.ts';

export interface Resource extends GroupResource {
  readonly definition: KindDefinition;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly apiVersion: string;
  /** What the store calls it: group and plural, so that all versions share their objects. */
  readonly storeName: string;
  /** The version that is stored. Of native kinds others differ in `apiVersion` alone. */
  readonly storageApiVersion: string;
  /** Of a kind that a CRD brought: what object-versions.ts needs to change the version of an object. */
  readonly custom: CustomVersions | undefined;
  /** What clients see is made of what is stored, and may differ from it in more than `apiVersion`. */
  readonly isConverted: boolean;
}

export interface CustomVersions {
  /** By apiVersion, of every version of the CRD: one that is not served may be stored. */
  readonly schemas: ReadonlyMap<string, JsonSchema>;
  /** Who converts; undefined where versions differ in their schemas alone. */
  readonly webhook: WebhookConversion | undefined;
}

/** What one CustomResourceDefinition serves. */
export interface CustomKind {
  /** The versions to serve, in any order. */
  readonly definitions: readonly KindDefinition[];
  /** One of the CRD's versions; it need not be served. */
  readonly storageVersion: string;
  readonly versions: CustomVersions;
}

export class KindRegistry {
  private readonly byPath = new Map<string, Resource>();
  private readonly byKind = new Map<string, Resource>();
  private readonly byStoreName = new Map<string, Resource>();
  private readonly byOwner = new Map<string, readonly Resource[]>();
  private readonly nativeStoreNames = new Set<string>();
  private readonly endings = new Map<Resource, Set<() => void>>();
  private listed: Lists | undefined;
  private changes = 0;

  /** @param definitions the native kinds. @throws when two of them claim one path or one kind. */
  constructor(definitions: readonly KindDefinition[]) {
    for (const definition of definitions) this.addNative(definition);
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.byPath.get(`${group}/${version}/${plural}`);
  }

  findKind(apiVersion: string, kind: string): Resource | undefined {
    return this.byKind.get(`${apiVersion}/${kind}`);
  }

  /** The stored version of a resource, by its name in the store. */
  stored(storeName: string): Resource | undefined {
    return this.byStoreName.get(storeName);
  }

  /** Whether a kind that came with the server, and not with a CRD, has this name in the store. */
  isNative(storeName: string): boolean {
    return this.nativeStoreNames.has(storeName);
  }

  get resources(): readonly Resource[] {
    return this.lists().resources;
  }

  /** Every resource once, in its stored version. */
  get storedResources(): readonly Resource[] {
    return this.lists().storedResources;
  }

  /** Versions by group, the preferred one first. */
  get groups(): ReadonlyMap<string, readonly string[]> {
    return this.lists().groups;
  }

  /** The resources of one group and version. */
  resourcesOf(group: string, version: string): readonly Resource[] {
    return this.lists().byVersion.get(`${group}/${version}`) ?? [];
  }

  /** Rises with each change, so that what was derived from the registry can be kept until then. */
  get revision(): number {
    return this.changes;
  }

  /** Serves `kind` in place of what `owner` defined before, whose watches end. */
  define(owner: string, kind: CustomKind): void {
    const before = this.take(owner);
    const resources = this.makeResources(kind);
    for (const resource of resources) this.place(resource);
    if (resources.length > 0) this.byOwner.set(owner, resources);
    this.changed();
    for (const resource of before) this.end(resource);
  }

  /** Serves nothing of `owner` any longer; watches on it end. */
  undefine(owner: string): void {
    const before = this.take(owner);
    if (before.length === 0) return;
    this.changed();
    for (const resource of before) this.end(resource);
  }

  /** Calls `end` once when `resource` is no longer served as it is now. @returns the cancellation. */
  onEnd(resource: Resource, end: () => void): () => void {
    if (this.nativeStoreNames.has(resource.storeName)) return noop;
    let ends = this.endings.get(resource);
    if (!ends) this.endings.set(resource, (ends = new Set()));
    const waiting = ends;
    waiting.add(end);
    return () => {
      waiting.delete(end);
      if (waiting.size === 0) this.endings.delete(resource);
    };
  }

  private addNative(definition: KindDefinition): void {
    const { group, version, plural, kind } = definition;
    const apiVersion = apiVersionOf(definition);
    const { of = definition } = definition.face ?? {};
    const storeName = `${of.group}/${of.plural}`;
    const path = `${group}/${version}/${plural}`;
    if (this.byPath.has(path) || this.byKind.has(`${apiVersion}/${kind}`))
      throw new Error(`the kind ${kind} (${path}) is defined twice`);
    this.nativeStoreNames.add(storeName);
    this.place({
      definition,
      group,
      version,
      plural,
      kind,
      apiVersion,
      storeName,
      storageApiVersion: this.byStoreName.get(storeName)?.apiVersion ?? apiVersion,
      custom: undefined,
      isConverted: definition.face !== undefined,
    });
  }

  private makeResources({ definitions, storageVersion, versions }: CustomKind): Resource[] {
    const free = definitions.filter((definition) => {
      const { group, version, plural, kind } = definition;
      return (
        !this.nativeStoreNames.has(`${group}/${plural}`) &&
        !this.byPath.has(`${group}/${version}/${plural}`) &&
        !this.byKind.has(`${apiVersionOf(definition)}/${kind}`)
      );
    });
    const resources = free.map((definition): Resource => {
      const { group, version, plural, kind } = definition;
      return {
        definition,
        group,
        version,
        plural,
        kind,
        apiVersion: apiVersionOf(definition),
        storeName: `${group}/${plural}`,
        storageApiVersion: `${group}/${storageVersion}`,
        custom: versions,
        isConverted: true,
      };
    });
    // The stored version first: it stands for the resource where versions do not matter.
    return resources.sort(
      (a, b) => Number(b.version === storageVersion) - Number(a.version === storageVersion),
    );
  }

  private place(resource: Resource): void {
    const { group, version, plural, apiVersion, kind, storeName } = resource;
    this.byPath.set(`${group}/${version}/${plural}`, resource);
    this.byKind.set(`${apiVersion}/${kind}`, resource);
    if (!this.byStoreName.has(storeName)) this.byStoreName.set(storeName, resource);
  }

  private take(owner: string): readonly Resource[] {
    const resources = this.byOwner.get(owner) ?? [];
    this.byOwner.delete(owner);
    for (const { group, version, plural, apiVersion, kind, storeName } of resources) {
      this.byPath.delete(`${group}/${version}/${plural}`);
      this.byKind.delete(`${apiVersion}/${kind}`);
      this.byStoreName.delete(storeName);
    }
    return resources;
  }

  private changed(): void {
    this.listed = undefined;
    this.changes++;
  }

  private end(resource: Resource): void {
    const ends = this.endings.get(resource);
    this.endings.delete(resource);
    for (const end of ends ?? []) end();
  }

  private lists(): Lists {
    this.listed ??= makeLists([...this.byPath.values()], [...this.byStoreName.values()]);
    return this.listed;
  }
}

interface Lists {
  readonly resources: readonly Resource[];
  readonly storedResources: readonly Resource[];
  readonly groups: ReadonlyMap<string, readonly string[]>;
  readonly byVersion: ReadonlyMap<string, readonly Resource[]>;
}

function makeLists(resources: readonly Resource[], storedResources: readonly Resource[]): Lists {
  const groups = new Map<string, string[]>();
  const byVersion = new Map<string, Resource[]>();
  for (const resource of resources) {
    const { group, version } = resource;
    const versions = groups.get(group) ?? [];
    if (!versions.includes(version)) versions.push(version);
    groups.set(group, versions);
    const key = `${group}/${version}`;
    const ofVersion = byVersion.get(key) ?? [];
    ofVersion.push(resource);
    byVersion.set(key, ofVersion);
  }
  for (const versions of groups.values()) versions.sort(compareVersions);
  return { resources, storedResources, groups, byVersion };
}

const noop = (): void => {};
