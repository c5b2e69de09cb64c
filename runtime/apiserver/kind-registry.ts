/**
 * The kinds that this server serves, found by path or by kind. Fixed at start: custom resource
 * definitions that come and go are issue 3, and need only replace this object.
 */
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import { apiVersionOf } from '../apis/meta/object.ts';
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
  /** The version that is stored: the first one defined. Others differ in `apiVersion` alone. */
  readonly storageApiVersion: string;
}

export class KindRegistry {
  private readonly byPath = new Map<string, Resource>();
  private readonly byKind = new Map<string, Resource>();
  private readonly byStoreName = new Map<string, Resource>();

  /** @throws when two definitions claim one path or one kind. */
  constructor(definitions: readonly KindDefinition[]) {
    for (const definition of definitions) this.add(definition);
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

  get resources(): readonly Resource[] {
    return [...this.byPath.values()];
  }

  /** Every resource once, in its stored version. */
  get storedResources(): readonly Resource[] {
    return [...this.byStoreName.values()];
  }

  /** Versions by group, in the order of definition; the first is the preferred one. */
  get groups(): ReadonlyMap<string, readonly string[]> {
    const groups = new Map<string, string[]>();
    for (const { group, version } of this.byPath.values()) {
      const versions = groups.get(group) ?? [];
      if (!versions.includes(version)) versions.push(version);
      groups.set(group, versions);
    }
    return groups;
  }

  private add(definition: KindDefinition): void {
    const { group, version, plural, kind } = definition;
    const apiVersion = apiVersionOf(definition);
    const storeName = `${group}/${plural}`;
    const path = `${group}/${version}/${plural}`;
    if (this.byPath.has(path) || this.byKind.has(`${apiVersion}/${kind}`))
      throw new Error(`the kind ${kind} (${path}) is defined twice`);
    const resource: Resource = {
      definition,
      group,
      version,
      plural,
      kind,
      apiVersion,
      storeName,
      storageApiVersion: this.byStoreName.get(storeName)?.apiVersion ?? apiVersion,
    };
    this.byPath.set(path, resource);
    this.byKind.set(`${apiVersion}/${kind}`, resource);
    if (!this.byStoreName.has(storeName)) this.byStoreName.set(storeName, resource);
  }
}
