/**
 * One attempt of a TaskRun on this machine: binds workspaces, makes base images, runs the steps in
 * order, reads results. Everything it creates lies in the attempt's own directory, removed at the end.
 */
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { list } from 'tar';
import { dockerfileStepName, functionStepName } from '../apis/tekton/function-task.ts';
import type { StepState } from '../apis/tekton/types.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../std/clock.ts';
import type { BaseImages } from './base-images/assemble-base-image.ts';
import {
  baseImageRef,
  baseImages,
  findBaseImage,
  findBaseImagesIn,
} from './base-images/catalog.ts';
import { BuildError, installBuildahHint } from './build-error.ts';
import type { BuildPaths } from './build-paths.ts';
import { buildBundle } from './bundle-builder.ts';
import type { Execute, Outcome } from './executor.ts';
import { makeVariables, resolveSteps } from './resolve-task-run.ts';
import type { ResolvedStep, RunnableTask } from './resolve-task-run.ts';
import { runProcess } from './step-process.ts';
import type { ProcessResult } from './step-process.ts';
import { findWorkspacePath } from './workspace-paths.ts';

/** Tekton's limit of a termination message, which all results of a step share. */
const resultBytesMax = 4096;
/** Lines of output that a condition message quotes. */
const quotedLinesMax = 10;

/** buildah, ready to use. */
export interface Buildah {
  readonly env: Readonly<Record<string, string>>;
  readonly baseImages: BaseImages;
}

export interface ExecuteOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly paths: BuildPaths;
  readonly bundlesRoot: string;
  /** Resolves with buildah, or undefined where bundles are built instead. @throws {BuildError} */
  readonly buildah: () => Promise<Buildah | undefined>;
}

export function makeExecute(options: ExecuteOptions): Execute {
  return async (run, { signal, onSteps }) => {
    const scratch = join(options.paths.runs, `${run.uid || run.name}-${run.attempt}`);
    const steps = new StepStates(run, options.clock, onSteps);
    try {
      await mkdir(join(scratch, 'results'), { recursive: true, mode: 0o700 });
      return await execute(run, { ...options, signal, scratch, steps });
    } catch (error) {
      signal.throwIfAborted();
      return { steps: steps.all, results: [], failure: describeFailure(error) };
    } finally {
      await rm(scratch, { recursive: true, force: true }).catch(() => undefined);
    }
  };
}

interface Attempt extends ExecuteOptions {
  readonly signal: AbortSignal;
  readonly scratch: string;
  readonly steps: StepStates;
}

async function execute(run: RunnableTask, attempt: Attempt): Promise<Outcome> {
  const workspaces = new Map<string, string>();
  for (const binding of run.workspaces)
    workspaces.set(
      binding.name,
      await findWorkspacePath(binding, { ...attempt, namespace: run.namespace }),
    );
  const resultPath = (name: string): string => join(attempt.scratch, 'results', name);
  const variables = makeVariables(run, {
    workspace: (name) => workspaces.get(name) ?? '',
    result: resultPath,
  });
  const resolved = resolveSteps(run, variables);
  const buildah = await attempt.buildah();
  for (const [index, step] of resolved.entries()) {
    attempt.steps.begin(index);
    const ended = buildah
      ? await runOnNode(step, run, { attempt, buildah })
      : await runAsBundle(step, attempt);
    const failure = attempt.steps.end(index, step, ended);
    if (failure && !step.continuesOnError)
      return {
        steps: attempt.steps.all,
        results: [],
        failure: { reason: ended.isTimedOut ? 'TaskRunTimeout' : 'Failed', message: failure },
      };
  }
  return { steps: attempt.steps.all, results: await readResults(run, resultPath) };
}

async function runOnNode(
  step: ResolvedStep,
  run: RunnableTask,
  { attempt, buildah }: { readonly attempt: Attempt; readonly buildah: Buildah },
): Promise<ProcessResult> {
  const { scratch, paths, clock, signal } = attempt;
  for (const image of await neededBaseImages(step)) await buildah.baseImages.ensure(image);
  let [file = 'true', ...args] = step.words;
  if (step.script !== undefined) {
    args = [...step.words];
    file = await writeScript(join(scratch, `script-${step.name}`), step.script);
  }
  return runProcess({
    file,
    args,
    env: { ...buildah.env, ...step.env },
    cwd: step.workingDir ?? scratch,
    logFile: join(paths.logs, run.namespace, `${run.name}-${step.name}.log`),
    processes: paths.processes,
    clock,
    signal,
    timeoutMs: step.timeoutMs,
  });
}

/** Tekton's rule: a script without shebang is a shell script that stops at the first error. */
async function writeScript(path: string, script: string): Promise<string> {
  const text = script.startsWith('#!') ? script : `#!/bin/sh\nset -e\n${script}`;
  // Closed before it is executed, or the kernel answers "text file busy".
  const handle = await open(path, 'w', 0o700);
  try {
    await handle.writeFile(text);
  } finally {
    await handle.close();
  }
  return path;
}

/** The base images that a step builds on: the function Task's parameter, or those in a Dockerfile. */
async function neededBaseImages(step: ResolvedStep): Promise<ReturnType<typeof findBaseImagesIn>> {
  if (step.name === functionStepName) {
    const reference = step.env['BASE_IMAGE'] ?? '';
    const image = findBaseImage(reference);
    if (image) return [image];
    if (/^knit\.local\/[^/]+$/.test(reference))
      throw new BuildError(
        'UnknownBaseImage',
        `the base image "${reference}" is none of ${baseImages.map(({ name }) => baseImageRef(name)).join(', ')}`,
      );
    return [];
  }
  if (step.name === dockerfileStepName) {
    const archive = join(step.env['SOURCE'] ?? '', step.env['CONTEXT_ARCHIVE'] ?? '');
    const dockerfile = await readFromArchive(archive, step.env['DOCKERFILE'] ?? 'Dockerfile');
    return findBaseImagesIn([dockerfile, ...step.words].join('\n'));
  }
  return findBaseImagesIn([...step.words, ...Object.values(step.env)].join('\n'));
}

/** Empty when archive or file are missing: the step itself says so. */
async function readFromArchive(archive: string, path: string): Promise<string> {
  const chunks: Buffer[] = [];
  const clean = (name: string): string => name.replace(/^(\.\/)+/, '');
  await list({
    file: archive,
    filter: (name) => clean(name) === clean(path),
    onReadEntry: (entry) => {
      entry.on('data', (chunk: Buffer) => chunks.push(chunk));
    },
  }).catch(() => undefined);
  return Buffer.concat(chunks).toString('utf8');
}

/** The process driver's way: only the function Task has a meaning without buildah. */
async function runAsBundle(step: ResolvedStep, attempt: Attempt): Promise<ProcessResult> {
  if (step.name !== functionStepName)
    throw new BuildError(
      'BuildahMissing',
      `the step "${step.name}" needs buildah, and this home runs without containers: run ${installBuildahHint}, then knit down and knit up`,
    );
  const { env } = step;
  const digest = await buildBundle({
    bundlesRoot: attempt.bundlesRoot,
    image: env['IMAGE'] ?? '',
    baseImage: env['BASE_IMAGE'] ?? '',
    archive: join(env['SOURCE'] ?? '', env['ARCHIVE'] ?? ''),
    config: step.words,
    signal: attempt.signal,
  });
  await writeFile(env['IMAGE_URL_PATH'] ?? '', env['IMAGE'] ?? '');
  await writeFile(env['IMAGE_DIGEST_PATH'] ?? '', digest);
  return { exitCode: 0, isTimedOut: false, tail: '' };
}

/** A declared result that no step wrote is left out; content is taken as it is. */
async function readResults(
  run: RunnableTask,
  resultPath: (name: string) => string,
): Promise<{ name: string; type: string; value: string }[]> {
  const results: { name: string; type: string; value: string }[] = [];
  let bytes = 0;
  for (const { name, type = 'string' } of run.spec.results ?? []) {
    const content = await readFile(resultPath(name)).catch(() => undefined);
    if (content === undefined) continue;
    bytes += content.length;
    if (bytes > resultBytesMax)
      throw new BuildError(
        'TaskRunResultLargerThanAllowedLimit',
        `the results are larger than ${resultBytesMax} bytes at "${name}": Termination message is above max allowed size ${resultBytesMax}`,
      );
    results.push({ name, type, value: content.toString('utf8') });
  }
  return results;
}

function describeFailure(error: unknown): { reason: string; message: string } {
  const { code, path, message } = error as NodeJS.ErrnoException;
  // buildah says it in words; the file system in a code.
  if (code === 'ENOSPC' || noSpace.test(message))
    return { reason: 'DiskFull', message: `${diskFull(path)}: ${message}` };
  if (error instanceof BuildError) return { reason: error.reason, message };
  return { reason: 'Failed', message: message ?? String(error) };
}

const noSpace = /no space left on device/i;

const diskFull = (path?: string): string =>
  `the disk is full${path ? ` (while writing ${path})` : ''}: free some space, e.g. with knit down --purge of a home that is no longer used, and deploy again`;

/** The states of all steps, as TaskRun.status.steps shows them. */
class StepStates {
  all: readonly StepState[];
  private readonly clock: Clock;
  private readonly onSteps: (steps: readonly StepState[]) => void;

  constructor(run: RunnableTask, clock: Clock, onSteps: (steps: readonly StepState[]) => void) {
    this.clock = clock;
    this.onSteps = onSteps;
    this.all = run.spec.steps.map(({ name }, index) => ({
      name: name ?? `unnamed-${index}`,
      container: `step-${name ?? `unnamed-${index}`}`,
      waiting: { reason: 'PodInitializing' },
    }));
  }

  begin(index: number): void {
    this.set(index, { running: { startedAt: this.now() } });
  }

  /** @returns the message of the failure, if it is one. */
  end(index: number, step: ResolvedStep, ended: ProcessResult): string | undefined {
    const { exitCode, isTimedOut, tail } = ended;
    const isFailed = exitCode !== 0 || isTimedOut;
    const terminationReason = isTimedOut
      ? 'TimeoutExceeded'
      : !isFailed
        ? 'Completed'
        : step.continuesOnError
          ? 'Continued'
          : 'Error';
    const startedAt = this.all[index]?.running?.startedAt ?? this.now();
    this.set(index, {
      terminated: {
        exitCode: isTimedOut ? 1 : exitCode,
        reason: isFailed ? 'Error' : 'Completed',
        startedAt,
        finishedAt: this.now(),
      },
      terminationReason,
    });
    if (!isFailed) return undefined;
    const lines = tail.split('\n').slice(-quotedLinesMax).join('\n');
    const why = isTimedOut
      ? `"step-${step.name}" exceeded its timeout of ${step.timeoutMs / 1000} s`
      : `"step-${step.name}" exited with code ${exitCode}`;
    const cause = noSpace.test(tail) ? `: ${diskFull()}` : '';
    return `${why}${cause}${lines === '' ? '' : `:\n${lines}`}`;
  }

  private set(index: number, state: Partial<StepState>): void {
    this.all = this.all.map((step, at) =>
      at === index ? { name: step.name, container: step.container, ...state } : step,
    );
    this.onSteps(this.all);
  }

  private now(): string {
    return new Date(this.clock.now()).toISOString();
  }
}
