/**
 * One deployment from model and images to a recorded release: read what is there, plan, apply,
 * record. `deploy`, `deploy function` and `rollback` are three ways to get a desired state for it.
 */
import { namespaceKind, type Namespace } from '../../runtime/apis/core/types.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { isAlreadyExists } from '../../runtime/kube/api-error.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { ownLabels } from '../compile/object-labels.ts';
import type { ServiceModel } from '../config/service-model.ts';
import { applyRelease, type AppliedGenerations } from './apply-release.ts';
import { managedKinds, objectKey } from './managed-kinds.ts';
import { planRelease, type ReleasePlan } from './plan-release.ts';
import {
  digestOf,
  listReleases,
  saveRelease,
  type AppliedObject,
  type Release,
} from './release-record.ts';

type Identity = Pick<ServiceModel, 'service' | 'stage' | 'namespace'>;

/** What the API holds of a service before a deployment. */
export interface CurrentState {
  /** Newest first. */
  readonly releases: readonly Release[];
  /** Everything of the managed kinds in the namespace, whoever made it. */
  readonly live: readonly KubeObject[];
}

export async function readCurrentState(client: KubeClient, of: Identity): Promise<CurrentState> {
  const [releases, ...lists] = await Promise.all([
    listReleases(client, of),
    ...managedKinds.map((kind) => client.list(kind, { namespace: of.namespace })),
  ]);
  // Items of a list do not say what they are.
  const live = lists.flatMap(({ items }, index) => {
    const kind = managedKinds[index];
    return items.map((item) => ({
      ...item,
      apiVersion: item.apiVersion ?? `${kind?.group}/${kind?.version}`,
      kind: item.kind ?? kind?.kind ?? '',
    }));
  });
  return { releases, live };
}

/** Makes the namespace where it is missing, marked as this service's. */
export async function ensureNamespace(client: KubeClient, of: Identity): Promise<void> {
  if (await client.get(namespaceKind, { name: of.namespace })) return;
  const namespace: Namespace = {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: of.namespace, labels: ownLabels(of) },
  };
  await client.create(namespaceKind, namespace).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}

export interface Desired {
  readonly model: ServiceModel;
  readonly objects: readonly KubeObject[];
  readonly images: Release['images'];
  readonly builds: Release['builds'];
  /** Release that a rollback restores. */
  readonly restores?: string;
}

export interface DeployResult {
  readonly plan: ReleasePlan;
  /** Absent when nothing had to be done. */
  readonly release?: Release;
}

/**
 * @param nowMs becomes the release's id.
 * @throws {UserError} when it fails; what was applied by then is recorded as a failed release.
 */
export async function deployRelease(
  client: KubeClient,
  desired: Desired,
  options: {
    current: CurrentState;
    nowMs: number;
    isForced: boolean;
    onProgress: (text: string) => void;
  },
): Promise<DeployResult> {
  const { current } = options;
  const last = current.releases[0];
  const id = String(Math.max(options.nowMs, Number(last?.id ?? 0) + 1));
  const plan = planRelease({
    model: desired.model,
    releaseId: id,
    desired: desired.objects,
    live: current.live,
    applied: last?.applied ?? {},
    isForced: options.isForced,
  });
  const generations: AppliedGenerations = new Map();
  const record = async (status: Release['status']): Promise<Release> => {
    const release: Release = {
      id,
      status,
      ...(desired.restores === undefined ? {} : { restores: desired.restores }),
      model: desired.model,
      objects: desired.objects,
      applied: appliedNow(desired.objects, { generations, last }),
      images: desired.images,
      builds: desired.builds,
    };
    await saveRelease(client, release, current.releases);
    return release;
  };
  try {
    await applyRelease(
      { client, model: desired.model, plan, onProgress: options.onProgress },
      generations,
    );
  } catch (error) {
    // Recorded so that the next deployment knows what was applied; the failure itself matters more.
    await record('failed').catch(() => undefined);
    throw error;
  }
  if (!hasWork(plan) && last?.status === 'deployed') return { plan };
  return { plan, release: await record('deployed') };
}

export const hasWork = (plan: ReleasePlan): boolean =>
  plan.apply.length > 0 || plan.prune.length > 0;

function appliedNow(
  objects: readonly KubeObject[],
  { generations, last }: { generations: AppliedGenerations; last: Release | undefined },
): Record<string, AppliedObject> {
  const applied: Record<string, AppliedObject> = {};
  for (const object of objects) {
    const key = objectKey(object);
    const generation = generations.get(key);
    const before = last?.applied[key];
    if (generation !== undefined) applied[key] = { digest: digestOf(object), generation };
    else if (before) applied[key] = before;
  }
  return applied;
}
