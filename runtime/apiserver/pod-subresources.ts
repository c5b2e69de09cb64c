/**
 * `pods/NAME/eviction`, a deletion that respects disruption budgets, and `pods/NAME/binding`, by which
 * a scheduler places a Pod. Source: k8s.io/kubernetes pkg/registry/core/pod/storage (behaviour, words).
 */
import { isPodReady } from '../apis/core/pod-readiness.ts';
import { type Pod, podKind } from '../apis/core/types.ts';
import { matchesSelector } from '../apis/meta/label-selector.ts';
import { type PodDisruptionBudget, podDisruptionBudgetKind } from '../apis/policy/types.ts';
import type { ApiResponse, SubresourceHandler } from './api-response.ts';
import { requireBody, writeContext } from './api-request.ts';
import { parseDeleteOptions } from './delete-options.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import { andThen } from './maybe-promise.ts';
import type { ObjectDeleter } from './object-deleter.ts';
import type { ObjectWriter } from './object-writer.ts';
import { StatusError } from './status-error.ts';
import type { Store } from './store/store.ts';

const BUDGETS = `${podDisruptionBudgetKind.group}/${podDisruptionBudgetKind.plural}`;
/** A budget that its controller has not looked at yet will be looked at soon. */
const RETRY_SECONDS = 10;

const created = (durable: Promise<void> | undefined): ApiResponse => ({
  type: 'json',
  code: 201,
  body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
  durable,
});

export function makePodSubresources(deps: {
  readonly store: Store;
  readonly writer: ObjectWriter;
  readonly deleter: ObjectDeleter;
}): ReadonlyMap<string, SubresourceHandler> {
  const { store, writer, deleter } = deps;

  const evict: SubresourceHandler = (request, { resource, ref }) => {
    if (request.method !== 'POST') throw StatusError.methodNotAllowed();
    const body = requireBody(request, { kind: 'Eviction' }) as JsonObject;
    if (body['kind'] !== undefined && body['kind'] !== 'Eviction')
      throw StatusError.badRequest('the body must be a policy/v1 Eviction');
    const pod = store.get(resource.storeName, ref.namespace, ref.name) as Pod | undefined;
    if (!pod) throw StatusError.notFound(resource, ref.name);
    const budgets = store.list(BUDGETS, ref.namespace) as readonly PodDisruptionBudget[];
    assertWithinBudget(pod, budgets);
    const options = parseDeleteOptions(body['deleteOptions'], request.query);
    const context = {
      user: request.user,
      mustBeDurable: request.mustBeDurable,
      warnings: request.warnings,
    };
    return andThen(deleter.delete(resource, ref, options, context), ({ durable }) =>
      created(durable),
    );
  };

  const bind: SubresourceHandler = (request, { resource, ref }) => {
    if (request.method !== 'POST') throw StatusError.methodNotAllowed();
    const { target } = requireBody(request, { kind: 'Binding' }) as JsonObject;
    const { kind = 'Node', name } = isJsonObject(target) ? target : {};
    if (kind !== 'Node' || typeof name !== 'string' || name === '')
      throw StatusError.invalid({ group: '', kind: 'Binding' }, ref.name, [
        { reason: 'FieldValueRequired', message: 'Required value', field: 'target.name' },
      ]);
    const place = (old: Pod): Pod => {
      if (old.metadata.deletionTimestamp)
        throw StatusError.conflict(
          { group: '', plural: 'pods/binding' },
          ref.name,
          `pod ${ref.name} is being deleted, cannot be assigned to a host`,
        );
      if (old.spec.nodeName)
        throw StatusError.conflict(
          { group: '', plural: 'pods/binding' },
          ref.name,
          `pod ${ref.name} is already assigned to node "${old.spec.nodeName}"`,
        );
      return {
        ...old,
        metadata: { ...old.metadata },
        spec: { ...old.spec, nodeName: name },
      };
    };
    const context = { ...writeContext(request), subresource: 'binding' };
    return andThen(
      writer.modify(resource, ref, (old) => place(old as Pod), context),
      ({ durable }) => created(durable),
    );
  };

  return new Map([
    [`${podKind.plural}/eviction`, evict],
    [`${podKind.plural}/binding`, bind],
  ]);
}

/** Pods that have ended or do not serve anyway are in nobody's budget. @throws {StatusError} 429, 500 */
function assertWithinBudget(pod: Pod, budgets: readonly PodDisruptionBudget[]): void {
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending') return;
  if (pod.metadata.deletionTimestamp) return;
  const [budget, second] = budgets.filter(({ spec }) =>
    matchesSelector(spec?.selector, pod.metadata.labels),
  );
  if (!budget) return;
  if (second)
    throw StatusError.internal(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  if (!isPodReady(pod) && currentHealthy >= desiredHealthy && desiredHealthy > 0) return;
  if (disruptionsAllowed > 0) return;
  const isStale = (budget.status?.observedGeneration ?? 0) < (budget.metadata.generation ?? 0);
  const causes = [
    {
      reason: 'DisruptionBudget',
      message: isStale
        ? `The disruption budget ${budget.metadata.name} is still being processed by the server.`
        : `The disruption budget ${budget.metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    },
  ];
  throw new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: { causes, ...(isStale ? { retryAfterSeconds: RETRY_SECONDS } : {}) },
  });
}
