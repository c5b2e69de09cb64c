/**
 * Between the one version in which an object is stored and the versions in which clients see it. A
 * native kind's versions differ in `apiVersion` alone, but for its faces (see `KindFace`). A kind of a CRD is pruned and defaulted by
 * the schema of the version that it was stored in, converted, and pruned by the other's schema:
 * by its webhook, or by a new label where there is none. Everything but a webhook's answer is
 * synchronous, and what was converted once is kept as long as the stored object is.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/customresource_handler.go (order of steps).
 */
import type { JsonSchema } from '../apis/apiextensions/types.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import type { ConversionWebhook } from './crd/conversion-webhook.ts';
import { applySchemaDefaults } from './crd/defaulting.ts';
import { pruneObject } from './crd/pruning.ts';
import { deepFreeze } from './json-value.ts';
import type { CustomVersions, Resource } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
import { StatusError } from './status-error.ts';

/** Both are weak: what was shown of an object goes with it, and all of it with a changed CRD. */
type Shown = WeakMap<KubeObject, MaybePromise<KubeObject>>;

export class ObjectVersions {
  private readonly webhook: ConversionWebhook | undefined;
  private readonly shown = new WeakMap<Resource, Shown>();

  /** @param webhook left out: kinds that need one cannot be read in another version. */
  constructor(webhook?: ConversionWebhook) {
    this.webhook = webhook;
  }

  /** A stored object as readers of `resource` see it. @throws {StatusError} 500 */
  show(resource: Resource, object: KubeObject): MaybePromise<KubeObject> {
    const { custom } = resource;
    if (!custom) return this.relabel(resource, object);
    const known = this.shownOf(resource);
    if (!known.has(object)) this.showNew(known, resource, custom, [object]);
    return known.get(object) ?? object;
  }

  /** In their order. One call of a webhook serves many. @throws {StatusError} 500 */
  showAll(resource: Resource, objects: readonly KubeObject[]): MaybePromise<readonly KubeObject[]> {
    const { custom } = resource;
    if (!custom) return objects.map((object) => this.relabel(resource, object));
    const known = this.shownOf(resource);
    const fresh = objects.filter((object) => !known.has(object));
    if (fresh.length > 0) this.showNew(known, resource, custom, fresh);
    return inOrder(objects.map((object) => known.get(object) ?? object));
  }

  /** A stored object as writers of `resource` work on it: a native kind stays as it is stored. */
  load(resource: Resource, object: KubeObject): MaybePromise<KubeObject> {
    return resource.isConverted ? this.show(resource, object) : object;
  }

  /** What is stored of an object in the version that `load` yields. @throws {StatusError} 500 */
  keep(resource: Resource, object: KubeObject): MaybePromise<KubeObject> {
    return this.convert(resource, object, resource.storageApiVersion);
  }

  /** Any version to any other, as admission webhooks ask for. @throws {StatusError} 500 */
  convert(resource: Resource, object: KubeObject, apiVersion: string): MaybePromise<KubeObject> {
    if (object.apiVersion === apiVersion) return object;
    const { custom } = resource;
    const { face } = resource.definition;
    if (face) return apiVersion === resource.storageApiVersion ? face.toStored(object) : object;
    if (!custom) return { ...object, apiVersion };
    return andThen(this.convertAll(custom, [object], apiVersion), ([one]) => one ?? object);
  }

  private relabel(resource: Resource, object: KubeObject): KubeObject {
    const { apiVersion, definition } = resource;
    if (object.apiVersion === apiVersion) return object;
    const known = this.shownOf(resource);
    const made =
      known.get(object) ??
      (definition.face
        ? deepFreeze(definition.face.fromStored(object))
        : Object.freeze({ ...object, apiVersion }));
    known.set(object, made);
    return made as KubeObject;
  }

  private shownOf(resource: Resource): Shown {
    let known = this.shown.get(resource);
    if (!known) this.shown.set(resource, (known = new WeakMap()));
    return known;
  }

  /** Notes in `known` what is shown of each; also while it is under way, so that ten watches ask once. */
  private showNew(
    known: Shown,
    resource: Resource,
    custom: CustomVersions,
    objects: readonly KubeObject[],
  ): void {
    const stored = objects.map((object) => conformStored(object, custom));
    const converted = this.convertAll(custom, stored, resource.apiVersion);
    for (const [index, object] of objects.entries()) {
      if (!(converted instanceof Promise)) {
        known.set(object, deepFreeze(converted[index] ?? object));
        continue;
      }
      const one = converted.then(
        (all) => {
          const made = deepFreeze(all[index] ?? object);
          known.set(object, made);
          return made;
        },
        (error: unknown) => {
          // The next reader asks again: webhooks come back.
          known.delete(object);
          throw error;
        },
      );
      one.catch(() => {});
      known.set(object, one);
    }
  }

  private convertAll(
    custom: CustomVersions,
    objects: readonly KubeObject[],
    apiVersion: string,
  ): MaybePromise<readonly KubeObject[]> {
    const schema = schemaOf(custom, apiVersion, 'to');
    for (const object of objects) schemaOf(custom, object.apiVersion, 'from');
    const others = objects.filter((object) => object.apiVersion !== apiVersion);
    if (others.length === 0) return objects;
    const { webhook } = custom;
    if (!webhook)
      return objects.map((object) =>
        object.apiVersion === apiVersion ? object : pruneObject({ ...object, apiVersion }, schema),
      );
    if (!this.webhook)
      throw StatusError.internal('this server has no client for conversion webhooks');
    return this.webhook.convert(webhook, others, apiVersion).then((converted) => {
      const next = converted.values();
      return objects.map((object) =>
        object.apiVersion === apiVersion
          ? object
          : pruneObject(next.next().value ?? object, schema),
      );
    });
  }
}

const conformStored = (object: KubeObject, { schemas }: CustomVersions): KubeObject => {
  const schema = schemas.get(object.apiVersion);
  return schema ? applySchemaDefaults(pruneObject(object, schema), schema) : object;
};

function schemaOf(
  { schemas }: CustomVersions,
  apiVersion: string,
  direction: 'from' | 'to',
): JsonSchema {
  const schema = schemas.get(apiVersion);
  if (schema) return schema;
  throw new StatusError({
    code: 500,
    message: `request to convert CR ${direction} an invalid group/version: ${apiVersion}`,
  });
}

function inOrder(values: readonly MaybePromise<KubeObject>[]): MaybePromise<readonly KubeObject[]> {
  return values.some((value) => value instanceof Promise)
    ? Promise.all(values.map(async (value) => value))
    : (values as readonly KubeObject[]);
}
