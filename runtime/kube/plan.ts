/**
 * What a pure reconciler decides, as data, and the thin shell that carries it out. Actions run in
 * order and stop at the first error; events are recorded for what was done.
 */
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { KubeClient } from './client.ts';
import type { EventRecorder, PlannedEvent } from './event-recorder.ts';

export type Action =
  | { readonly type: 'create'; readonly kind: ResourceKind; readonly object: KubeObject }
  | { readonly type: 'update'; readonly kind: ResourceKind; readonly object: KubeObject }
  | { readonly type: 'updateStatus'; readonly kind: ResourceKind; readonly object: KubeObject }
  | {
      readonly type: 'patch';
      readonly kind: ResourceKind;
      readonly namespace: string;
      readonly name: string;
      readonly patchType: 'merge' | 'json';
      readonly body: unknown;
      readonly subresource?: 'status' | 'scale';
    }
  | {
      readonly type: 'delete';
      readonly kind: ResourceKind;
      readonly namespace: string;
      readonly name: string;
      readonly uid?: string | undefined;
    };

export interface Plan {
  readonly actions: readonly Action[];
  readonly events: readonly PlannedEvent[];
  readonly requeueAfterMs?: number | undefined;
  /** Thrown after the actions: the reconcile failed, and what could be said in status has been. */
  readonly error?: Error | undefined;
}

export const emptyPlan: Plan = { actions: [], events: [] };

/** Carries a plan out. @throws the first API error, or `plan.error`. */
export async function applyPlan(
  plan: Plan,
  options: {
    readonly client: KubeClient;
    readonly recorder: EventRecorder;
    /** Hears of each action when it is done; what comes after the last is what failed. */
    readonly onDone?: (action: Action) => void;
  },
): Promise<{ requeueAfterMs?: number | undefined }> {
  for (const action of plan.actions) {
    await applyAction(action, options.client);
    options.onDone?.(action);
  }
  for (const event of plan.events) options.recorder.record(event);
  if (plan.error) throw plan.error;
  return { requeueAfterMs: plan.requeueAfterMs };
}

async function applyAction(action: Action, client: KubeClient): Promise<void> {
  switch (action.type) {
    case 'create':
      await client.create(action.kind, action.object);
      return;
    case 'update':
      await client.update(action.kind, action.object);
      return;
    case 'updateStatus':
      await client.updateStatus(action.kind, action.object);
      return;
    case 'patch': {
      const { kind, namespace, name, patchType, body, subresource } = action;
      await client.patch(kind, { namespace, name }, { type: patchType, body, subresource });
      return;
    }
    case 'delete': {
      const { kind, namespace, name, uid } = action;
      await client.delete(kind, { namespace, name }, { uid });
      return;
    }
  }
}
