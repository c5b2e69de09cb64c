/**
 * What stands between a decoded, defaulted object and the store: may change it, then may refuse it.
 * The writer and the deleter call this; the plugins behind it (webhooks, ClusterIP allocation, ...)
 * are composed in start-api-server.ts. Source: k8s.io/apiserver pkg/admission (phases and order).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { UserInfo } from '../auth/user-info.ts';
import type { Resource } from '../kind-registry.ts';
import type { MaybePromise } from '../maybe-promise.ts';

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly resource: Resource;
  /** `status`, `scale`, `exec`...; undefined for the object itself. */
  readonly subresource: string | undefined;
  /** Empty for cluster-scoped resources. */
  readonly namespace: string;
  /** Empty while a generated name is not made yet. */
  readonly name: string;
  /** In `resource`'s version, or of a native kind in its storage version. Undefined for DELETE. A plugin that changes it returns a copy. */
  readonly object: KubeObject | undefined;
  /** In the same version, frozen. Undefined for CREATE and CONNECT. */
  readonly oldObject: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** The `CreateOptions`, `UpdateOptions`... that webhooks are told, without apiVersion and kind. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Texts for `Warning` headers; a plugin appends. */
  readonly warnings: string[];
}

export interface AdmissionPlugin {
  /**
   * First phase. Returns the object, changed or itself. The writer defaults the result again when
   * it is another object. Called without an object on DELETE, where the result is ignored.
   * @throws {StatusError} the refusal.
   */
  mutate?(request: AdmissionRequest): MaybePromise<KubeObject | undefined>;
  /** Second phase, with what would be stored. @throws {StatusError} the refusal. */
  validate?(request: AdmissionRequest): MaybePromise<void>;
}

/** The plugins in their order; mutation is one after the other, each sees the result of the one before. */
export class AdmissionChain {
  private readonly plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.plugins = plugins;
  }

  /** Synchronous unless a plugin has to wait. @throws {StatusError} */
  mutate(request: AdmissionRequest, from = 0): MaybePromise<KubeObject | undefined> {
    let current = request;
    for (let i = from; i < this.plugins.length; i++) {
      const changed = this.plugins[i]?.mutate?.(current);
      if (changed instanceof Promise)
        return changed.then((object) => this.mutate(withObject(current, object), i + 1));
      current = withObject(current, changed);
    }
    return current.object;
  }

  /** Synchronous unless a plugin has to wait. @throws {StatusError} */
  validate(request: AdmissionRequest): MaybePromise<void> {
    const waits: Promise<void>[] = [];
    for (const plugin of this.plugins) {
      const wait = plugin.validate?.(request);
      if (wait) waits.push(wait);
    }
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => {});
  }
}

const withObject = (request: AdmissionRequest, object: KubeObject | undefined): AdmissionRequest =>
  object === undefined || object === request.object ? request : { ...request, object };
