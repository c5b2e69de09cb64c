/**
 * Gives every function its image: builds what no earlier release and no successful TaskRun has
 * built from the same input. TaskRuns that an interrupted deployment left are waited for.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import { taskRunKind, type TaskRun } from '../../runtime/apis/tekton/types.ts';
import { isAlreadyExists } from '../../runtime/kube/api-error.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { ownSelector } from '../compile/object-labels.ts';
import type { ServiceModel } from '../config/service-model.ts';
import { mapBounded } from '../deploy/map-bounded.ts';
import { waitUntil } from '../deploy/wait-until.ts';
import type { PackageManifest } from '../package/manifest.ts';
import { UserError } from '../user-error.ts';
import {
  archiveName,
  inputDigestLabel,
  makeTaskRun,
  planBuilds,
  type Build,
} from './plan-builds.ts';
import { openSourceVolume, writeArchive } from './source-volume.ts';

/** Builds at a time: they are bound by disk and processor. */
const BUILD_CONCURRENCY = 2;
/** Tekton's own default; a build that takes longer is stuck. */
const BUILD_TIMEOUT_MS = 60 * 60_000;
/** Of a line of a failed build; buildah dumps its structures into single lines of thousands. */
const LINE_CHARACTERS_MAX = 400;
/** Finished TaskRuns that stay for a look at what happened. */
const TASK_RUNS_KEPT_MAX = 20;

export interface ResolveOptions {
  readonly client: KubeClient;
  readonly manifest: Omit<PackageManifest, 'version'>;
  readonly packageDirectory: string;
  /** Input digest to image, from earlier releases. */
  readonly known: Readonly<Record<string, string>>;
  /** Builds everything anew. */
  readonly isForced: boolean;
  readonly onProgress: (text: string) => void;
}

export interface ResolvedImages {
  /** By function key. */
  readonly images: Readonly<Record<string, string>>;
  /** By input digest, of this package. */
  readonly builds: Readonly<Record<string, string>>;
  /** How many images were built now. */
  readonly builtCount: number;
}

/** @throws {UserError} with the failing step's last lines when a build fails. */
export async function resolveImages(options: ResolveOptions): Promise<ResolvedImages> {
  const { manifest } = options;
  const planned = planBuilds(manifest);
  const builds: Record<string, string> = {};
  const missing: Build[] = [];
  for (const build of planned) {
    const image = options.isForced ? undefined : options.known[build.inputDigest];
    if (image === undefined) missing.push(build);
    else builds[build.inputDigest] = image;
  }
  if (missing.length > 0) {
    requireLocalBuild(manifest.model, missing);
    const directory = await openSourceVolume(options.client, manifest.model.namespace);
    const runs = await listTaskRuns(options.client, manifest.model);
    await mapBounded(missing, BUILD_CONCURRENCY, async (build, signal) => {
      builds[build.inputDigest] = await runBuild(build, { ...options, directory, runs, signal });
    });
    await pruneTaskRuns(options.client, manifest.model);
  }
  const images: Record<string, string> = {};
  for (const fn of manifest.model.functions)
    if (fn.source.type === 'image') images[fn.key] = fn.source.image;
  for (const build of planned)
    for (const key of build.functionKeys) images[key] = builds[build.inputDigest] ?? '';
  return { images, builds, builtCount: missing.length };
}

async function runBuild(
  build: Build,
  context: ResolveOptions & {
    directory: string;
    runs: readonly TaskRun[];
    /** Ends the wait; the TaskRun goes on, and the next deployment finds it. */
    signal: AbortSignal;
  },
): Promise<string> {
  const { client, manifest, directory } = context;
  const { model } = manifest;
  const same = context.runs.filter(
    ({ metadata }) => metadata.labels?.[inputDigestLabel] === build.inputDigest,
  );
  const succeeded = same.map(imageOf).find((image) => image !== undefined);
  if (succeeded !== undefined && !context.isForced) return succeeded;

  context.onProgress(`Building the image of ${build.functionKeys.join(', ')}`);
  const archive = archiveName(build.artifact);
  await writeArchive(directory, {
    from: path.join(context.packageDirectory, build.artifact.file),
    name: archive,
  });
  const running = same.find((run) => stateOf(run) === 'Unknown');
  const run = running ?? (await createTaskRun(client, model, build, same.length + 1));
  const finished = await waitUntil(
    client,
    taskRunKind,
    {
      namespace: model.namespace,
      labelSelector: `${inputDigestLabel}=${build.inputDigest}`,
      timeoutMs: BUILD_TIMEOUT_MS,
      signal: context.signal,
    },
    (runs) =>
      runs.find(
        (candidate) =>
          candidate.metadata.name === run.metadata.name && stateOf(candidate) !== 'Unknown',
      ),
  );
  const image = finished && imageOf(finished);
  if (image === undefined) throw buildFailed(build, run, finished);
  // The image holds the code now; a failed build keeps its archive for the next attempt.
  await rm(path.join(directory, archive), { force: true });
  return image;
}

/** Counts on from the attempts that are there; another deployment may take the same number first. */
async function createTaskRun(
  client: KubeClient,
  model: ServiceModel,
  build: Build,
  firstAttempt: number,
): Promise<TaskRun> {
  for (let attempt = firstAttempt; ; attempt++) {
    try {
      return await client.create(taskRunKind, makeTaskRun(model, build, attempt));
    } catch (error) {
      if (!isAlreadyExists(error) || attempt > firstAttempt + TASK_RUNS_KEPT_MAX) throw error;
    }
  }
}

const listTaskRuns = async (client: KubeClient, model: ServiceModel): Promise<readonly TaskRun[]> =>
  (
    await client.list(taskRunKind, {
      namespace: model.namespace,
      labelSelector: ownSelector(model),
    })
  ).items;

async function pruneTaskRuns(client: KubeClient, model: ServiceModel): Promise<void> {
  const finished = (await listTaskRuns(client, model))
    .filter((run) => stateOf(run) !== 'Unknown')
    .sort((a, b) =>
      (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? ''),
    );
  for (const run of finished.slice(TASK_RUNS_KEPT_MAX))
    await client.delete(taskRunKind, run.metadata);
}

const stateOf = (run: TaskRun): 'True' | 'False' | 'Unknown' =>
  getCondition(run.status?.conditions, 'Succeeded')?.status ?? 'Unknown';

function imageOf(run: TaskRun): string | undefined {
  if (stateOf(run) !== 'True') return undefined;
  const result = (name: string): string | undefined => {
    const value = run.status?.results?.find((item) => item.name === name)?.value;
    return typeof value === 'string' ? value.trim() : undefined;
  };
  const url = result('IMAGE_URL');
  const digest = result('IMAGE_DIGEST');
  return url && digest ? `${url}@${digest}` : undefined;
}

function buildFailed(build: Build, run: TaskRun, finished: TaskRun | undefined): UserError {
  const condition = getCondition(finished?.status?.conditions, 'Succeeded');
  const { namespace = '', name } = run.metadata;
  const why = condition
    ? `${condition.reason ?? ''}: ${readable(condition.message ?? 'no message')}`
    : `it did not finish within ${BUILD_TIMEOUT_MS / 60_000} minutes`;
  return new UserError(
    `The image of function ${build.functionKeys.map((key) => `"${key}"`).join(', ')} could not be ` +
      `built. TaskRun "${namespace}/${name}": ${why}\nNothing was changed; what was deployed before ` +
      'serves on. Correct the cause and deploy again.',
    'KNIT_BUILD_FAILED',
  );
}

/** Without what buildah prints of its own inner life, all the more where the cause is known. */
function readable(message: string): string {
  const lines = message.split('\n');
  const shown = lines[0]?.includes('the disk is full') ? lines.slice(0, 1) : lines;
  return shown
    .map((line) =>
      line.length > LINE_CHARACTERS_MAX ? `${line.slice(0, LINE_CHARACTERS_MAX)}...` : line,
    )
    .join('\n')
    .replace(/:$/, '.');
}

function requireLocalBuild(model: ServiceModel, missing: readonly Build[]): void {
  if (model.target === 'local') return;
  const keys = missing.flatMap(({ functionKeys }) => functionKeys);
  throw new UserError(
    `This version builds images for target local only; ${keys.map((key) => `"${key}"`).join(', ')} ` +
      'would have to be built. Give these functions an "image" that the cluster can pull.',
    'KNIT_BUILD_NOT_SUPPORTED',
  );
}
