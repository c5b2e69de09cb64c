/**
 * Carries out a release plan: brokers and functions first, then what sends them requests, then the
 * removal of what is gone. Nothing is removed and no new route is made before the functions are
 * ready, so a deployment that fails leaves what served before.
 */
import { brokerKind } from '../../runtime/apis/eventing/types.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { ApiError } from '../../runtime/kube/api-error.ts';
import { ownSelector } from '../compile/object-labels.ts';
import type { ServiceModel } from '../config/service-model.ts';
import { UserError } from '../user-error.ts';
import { describeFailure, type Failure } from './failure-report.ts';
import { kindOf, managedKinds, objectKey } from './managed-kinds.ts';
import { mapBounded } from './map-bounded.ts';
import { isOwn, type ReleasePlan } from './plan-release.ts';
import { readinessOf } from './readiness.ts';
import { waitUntil } from './wait-until.ts';

export const FIELD_MANAGER = 'serverless-knit';
/** Requests in flight: enough to hide latency, few enough for a small API server. */
const APPLY_CONCURRENCY = 8;
/** Longer than the longest progress deadline (120 s): it is the runtime that says what is wrong. */
const READY_TIMEOUT_MS = 180_000;

export interface ApplyOptions {
  readonly client: KubeClient;
  readonly model: Pick<ServiceModel, 'service' | 'stage' | 'namespace'>;
  readonly plan: ReleasePlan;
  readonly onProgress: (text: string) => void;
}

/** Generations after the apply, by object key. */
export type AppliedGenerations = Map<string, number>;

/**
 * Fills `generations` as it goes, so that the caller can record a release that failed half way.
 * @throws {UserError} when an object is refused or does not get ready.
 */
export async function applyRelease(
  options: ApplyOptions,
  generations: AppliedGenerations,
): Promise<void> {
  const { plan } = options;
  const isFirst = ({ kind, apiVersion }: KubeObject): boolean =>
    kind === brokerKind.kind || (kind === serviceKind.kind && apiVersion.startsWith('serving.'));
  // An interrupted deployment leaves objects that are as wanted and not ready yet.
  const unready = plan.unchanged.filter(
    (object) => isOwn(object, options.model) && readinessOf(object).state !== 'ready',
  );
  for (const object of unready) generations.set(objectKey(object), object.metadata.generation ?? 0);
  for (const isInStage of [isFirst, (object: KubeObject) => !isFirst(object)])
    await applyAndWait(
      { apply: plan.apply.filter(isInStage), await: unready.filter(isInStage) },
      options,
      generations,
    );
  await deleteObjects(options.client, plan.prune);
}

/** In order of kind, backwards: first what sends requests, then what answers them. */
export async function deleteObjects(
  client: KubeClient,
  objects: readonly KubeObject[],
): Promise<void> {
  for (const kind of [...managedKinds].reverse())
    await mapBounded(
      objects.filter((object) => kindOf(object) === kind),
      APPLY_CONCURRENCY,
      (object) => client.delete(kind, object.metadata, { propagationPolicy: 'Background' }),
    );
}

async function applyAndWait(
  stage: { readonly apply: readonly KubeObject[]; readonly await: readonly KubeObject[] },
  options: ApplyOptions,
  generations: AppliedGenerations,
): Promise<void> {
  const objects = [...stage.apply, ...stage.await];
  await mapBounded(stage.apply, APPLY_CONCURRENCY, async (object) => {
    const applied = await applyOne(options.client, object);
    generations.set(objectKey(object), applied.metadata.generation ?? 0);
  });
  const kinds = new Set(objects.map(kindOf));
  const results = await Promise.all(
    [...kinds].map((kind) =>
      waitForReady(
        objects.filter((object) => kindOf(object) === kind),
        options,
        generations,
      ),
    ),
  );
  const failures = results.flat();
  if (failures.length === 0) return;
  const reports = await Promise.all(
    failures.map((failure) => describeFailure(options.client, failure)),
  );
  throw new UserError(
    `${reports.join('\n')}\nNothing was removed, and what comes after the failure in this deployment was not ` +
      'applied. Correct the cause and deploy again.',
    'KNIT_NOT_READY',
  );
}

/** Our fields are ours: a value that somebody else set by hand is taken back, as a deployment should. */
async function applyOne(client: KubeClient, object: KubeObject): Promise<KubeObject> {
  try {
    return await client.apply(kindOf(object), object, { fieldManager: FIELD_MANAGER, force: true });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { namespace = '', name } = object.metadata;
    throw new UserError(
      `The API refused ${object.kind} "${namespace}/${name}": ${error.message}`,
      'KNIT_APPLY_REFUSED',
      { cause: error },
    );
  }
}

/** @returns the objects that are not ready in the end. */
async function waitForReady(
  objects: readonly KubeObject[],
  options: ApplyOptions,
  generations: AppliedGenerations,
): Promise<readonly Failure[]> {
  const [first] = objects;
  if (!first) return [];
  const kind = kindOf(first);
  const pending = new Map<string, Failure>(
    objects.map((object) => [object.metadata.name, { object, why: 'it was never seen' }]),
  );
  const failed: Failure[] = [];
  await waitUntil(
    options.client,
    kind,
    {
      namespace: options.model.namespace,
      labelSelector: ownSelector(options.model),
      timeoutMs: READY_TIMEOUT_MS,
    },
    (live) => {
      for (const object of live) {
        const { name, generation = 0 } = object.metadata;
        // A cache behind the apply would show the old generation as ready.
        if (!pending.has(name) || generation < (generations.get(objectKey(object)) ?? 0)) continue;
        const readiness = readinessOf(object);
        if (readiness.state === 'waiting') pending.set(name, { object, why: readiness.why });
        else pending.delete(name);
        if (readiness.state === 'failed') failed.push({ object, why: readiness.why });
      }
      if (pending.size > 0)
        options.onProgress(`Waiting for ${kind.kind} ${[...pending.keys()].join(', ')}`);
      return pending.size === 0 || failed.length > 0 ? true : undefined;
    },
  );
  return failed.length > 0 ? failed : [...pending.values()];
}
