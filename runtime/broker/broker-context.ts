/**
 * What the broker needs of the world. Rooms on one floor never import each other, so this is the
 * part of the kube room's ControllerContext that is used here, by shape.
 */
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';

export interface ObjectChange<T extends KubeObject> {
  readonly type: 'added' | 'updated' | 'deleted';
  readonly object: T;
}

export interface ObjectCache<T extends KubeObject> {
  readonly hasSynced: boolean;
  list(): readonly T[];
  onChange(handler: (change: ObjectChange<T>) => void): () => void;
}

export interface BrokerContext {
  readonly informers: { informer<T extends KubeObject>(kind: ResourceKind<T>): ObjectCache<T> };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when the process shuts down. */
  readonly signal: AbortSignal;
}
