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
import type { KindRegistry } from './kind-registry.ts';
import { andThen, type MaybePromise } from './maybe-promise.ts';
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
  readonly registry: KindRegistry;
}): ReadonlyMap<string, SubresourceHandler> {
  const { store, writer, deleter, registry } = deps;

  const evict: SubresourceHandler = (request, { resource, ref }) => {
    if (request.method !== 'POST') throw StatusError.methodNotAllowed();
    const body = requireBody(request, { kind: 'Eviction' }) as JsonObject;
    if (body['kind'] !== undefined && body['kind'] !== 'Eviction')
      throw StatusError.badRequest('the body must be a policy/v1 Eviction');
    const { name = ref.name } = isJsonObject(body['metadata']) ? body['metadata'] : {};
    if (name !== ref.name)
      throw StatusError.badRequest('name in URL does not match name in Eviction object');
    const pod = store.get(resource.storeName, ref.namespace, ref.name) as Pod | undefined;
    if (!pod) throw StatusError.notFound(resource, ref.name);
    const budgets = store.list(BUDGETS, ref.namespace) as readonly PodDisruptionBudget[];
    const budget = findBudget(pod, budgets);
    const given = parseDeleteOptions(body['deleteOptions'], request.query);
    const options = { ...given, dryRun: given.dryRun || request.query['dryRun'] === 'All' };
    const context = {
      user: request.user,
      mustBeDurable: request.mustBeDurable,
      warnings: request.warnings,
    };
    const write = { ...writeContext(request), subresource: 'status' };
    const prepare = options.dryRun
      ? undefined
      : andThen(budget && spend(budget, ref.name, write), () =>
          writer.modify(resource, ref, (old) => withTarget(old as Pod, writer.now()), write),
        );
    return andThen(prepare, () =>
      andThen(deleter.delete(resource, ref, options, context), ({ durable }) => created(durable)),
    );
  };

  /** One disruption less, until the controller has counted anew. */
  function spend(
    budget: PodDisruptionBudget,
    podName: string,
    context: Parameters<ObjectWriter['modify']>[3],
  ): MaybePromise<unknown> {
    const { group, version, plural } = podDisruptionBudgetKind;
    const resource = registry.find(group, version, plural);
    if (!resource) return undefined;
    const { namespace = '', name } = budget.metadata;
    const take = (old: PodDisruptionBudget): PodDisruptionBudget => {
      const { disruptionsAllowed = 0 } = old.status ?? {};
      // Somebody else was faster.
      if (disruptionsAllowed <= 0) throw exceeded(old);
      return {
        ...old,
        metadata: { ...old.metadata },
        status: {
          currentHealthy: 0,
          desiredHealthy: 0,
          expectedPods: 0,
          ...old.status,
          disruptionsAllowed: disruptionsAllowed - 1,
          disruptedPods: { ...old.status?.disruptedPods, [podName]: writer.now() },
        },
      };
    };
    return writer.modify(resource, { namespace, name }, take, context);
  }

  const bind: SubresourceHandler = (request, { resource, ref }) => {
    if (request.method !== 'POST') throw StatusError.methodNotAllowed();
    const { target } = requireBody(request, { kind: 'Binding' }) as JsonObject;
    const { kind = 'Node', name } = isJsonObject(target) ? target : {};
    if (kind !== 'Node' && kind !== '')
      throw new StatusError({
        code: 500,
        message: `target.kind: Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`,
      });
    if (typeof name !== 'string' || name === '')
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
    const status = { ...writeContext(request), subresource: 'status' };
    return andThen(
      writer.modify(resource, ref, (old) => place(old as Pod), context),
      () =>
        andThen(
          writer.modify(resource, ref, (old) => withPlace(old as Pod, writer.now()), status),
          ({ durable }) => created(durable),
        ),
    );
  };

  return new Map([
    [`${podKind.plural}/eviction`, evict],
    [`${podKind.plural}/binding`, bind],
  ]);
}

type Condition = NonNullable<NonNullable<Pod['status']>['conditions']>[number];

/** A condition of that type is there once; one that says the same keeps its time. */
function withCondition(pod: Pod, condition: Condition, now: string): Pod {
  const { conditions = [] } = pod.status ?? {};
  const before = conditions.find(({ type }) => type === condition.type);
  if (before?.status === condition.status && before.reason === condition.reason) return pod;
  const next = { lastProbeTime: null, lastTransitionTime: now, ...condition };
  return {
    ...pod,
    metadata: { ...pod.metadata },
    status: {
      ...pod.status,
      conditions: [...conditions.filter((other) => other !== before), next],
    },
  };
}

const withPlace = (pod: Pod, now: string): Pod =>
  withCondition(pod, { type: 'PodScheduled', status: 'True' }, now);

const withTarget = (pod: Pod, now: string): Pod =>
  withCondition(
    pod,
    {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    },
    now,
  );

/**
 * The budget that an eviction of the Pod is charged to. Pods that have ended or do not serve anyway
 * are in nobody's. @throws {StatusError} 429, 500
 */
function findBudget(
  pod: Pod,
  budgets: readonly PodDisruptionBudget[],
): PodDisruptionBudget | undefined {
  const { phase } = pod.status ?? {};
  if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending') return undefined;
  if (pod.metadata.deletionTimestamp) return undefined;
  const [budget, second] = budgets.filter(({ spec }) =>
    matchesSelector(spec?.selector, pod.metadata.labels),
  );
  if (!budget) return undefined;
  if (second)
    throw StatusError.internal(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  if (!isPodReady(pod)) {
    if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return undefined;
    if (currentHealthy >= desiredHealthy && desiredHealthy > 0) return undefined;
  }
  if (disruptionsAllowed > 0) return budget;
  throw exceeded(budget);
}

function exceeded(budget: PodDisruptionBudget): StatusError {
  const { currentHealthy = 0, desiredHealthy = 0, observedGeneration = 0 } = budget.status ?? {};
  const isStale = observedGeneration < (budget.metadata.generation ?? 0);
  const causes = [
    {
      reason: 'DisruptionBudget',
      message: isStale
        ? `The disruption budget ${budget.metadata.name} is still being processed by the server.`
        : `The disruption budget ${budget.metadata.name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    },
  ];
  return new StatusError({
    code: 429,
    reason: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: { causes, ...(isStale ? { retryAfterSeconds: RETRY_SECONDS } : {}) },
  });
}
