/**
 * What a controller has asked for and its cache does not show yet: without it a slow watch would
 * make Pods twice. Cleared by the watch itself.
 */
import type { Pod } from '../apis/core/types.ts';
import { keyOf } from '../apis/meta/object.ts';
import type { Informer } from '../kube/informer.ts';
import type { Action, Plan } from '../kube/plan.ts';

export class PodExpectations {
  private readonly births = new Map<string, Pod>();
  private readonly deaths = new Set<string>();
  private readonly pods: Informer<Pod>;

  constructor(pods: Informer<Pod>) {
    this.pods = pods;
    pods.onChange(({ type, object }) => {
      const key = keyOf(object.metadata);
      this.births.delete(key);
      if (type === 'deleted' || object.metadata.deletionTimestamp) this.deaths.delete(key);
    });
  }

  /** The namespace's Pods as they will be once everything asked for is visible. */
  list(namespace: string): readonly Pod[] {
    const seen = this.pods.list({ namespace });
    if (this.births.size === 0 && this.deaths.size === 0) return seen;
    const born = [...this.births.values()].filter((pod) => pod.metadata.namespace === namespace);
    return [...seen, ...born].map((pod) =>
      this.deaths.has(keyOf(pod.metadata)) && pod.metadata.deletionTimestamp === undefined
        ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: 'now' } }
        : pod,
    );
  }

  /** Carries a plan out, remembering its Pods until they are seen. @throws what `apply` throws */
  async during<T>(plan: Plan, apply: () => Promise<T>): Promise<T> {
    for (const action of plan.actions) this.expect(action);
    try {
      return await apply();
    } catch (error) {
      // Whatever did not happen is planned again from the cache.
      for (const action of plan.actions) this.forget(action);
      throw error;
    }
  }

  private expect(action: Action): void {
    if (action.type === 'create' && action.kind.plural === 'pods')
      this.births.set(keyOf(action.object.metadata), action.object as Pod);
    else if (action.type === 'delete' && action.kind.plural === 'pods')
      this.deaths.add(keyOf(action));
  }

  private forget(action: Action): void {
    if (action.type === 'create') this.births.delete(keyOf(action.object.metadata));
    else if (action.type === 'delete') this.deaths.delete(keyOf(action));
  }
}
