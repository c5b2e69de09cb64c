/**
 * The build room's entry: executes TaskRuns on this machine. With buildah it makes OCI images in the
 * home's image store; in bundle mode it makes directories for the process driver. Steps in pods and
 * Pipelines are not here.
 */
import { rm } from 'node:fs/promises';
import type { ControllerContext } from '../kube/context.ts';
import { makeBuildPaths } from './build-paths.ts';
import type { Execute } from './executor.ts';
import { endLeftoverProcesses } from './process-groups.ts';
import { makeTaskRunController } from './task-run-controller.ts';

export interface BuildOptions {
  /** The home directory: caches, logs and temporary files of builds go below it. */
  readonly home: string;
  /** `<home>/containers`; buildah's graph root and run root are below it. */
  readonly imageStoreRoot: string;
  /** `<home>/bundles`. */
  readonly bundlesRoot: string;
  /** The folder with the function servers `node/`, `python/`, `custom/`. */
  readonly functionsRoot: string;
  /** `bundle` where containers cannot run: then nothing needs buildah. */
  readonly mode: 'buildah' | 'bundle';
}

export interface BuildHandle {
  /** Stops taking TaskRuns, ends running steps, resolves when no process of them is left. */
  close(): Promise<void>;
}

/**
 * Starts the TaskRun controller. What a killed predecessor left (processes, working containers,
 * temporary files) is removed before the first step runs; TaskRuns that it was executing start over.
 */
export async function startBuild(
  context: ControllerContext,
  options: BuildOptions,
): Promise<BuildHandle> {
  const { client, clock, logger } = context;
  const paths = makeBuildPaths(options.home);
  const closing = new AbortController();
  const signal = AbortSignal.any([context.signal, closing.signal]);
  const ended = await endLeftoverProcesses(paths.processes);
  if (ended > 0) logger.info('ended build steps of an earlier process', { count: ended });
  await rm(paths.runs, { recursive: true, force: true });

  let loading: Promise<Execute> | undefined;
  const load = async (): Promise<Execute> => {
    const { makeExecution } = await import('./make-execution.ts');
    return makeExecution({ client, clock, logger, signal, paths, options });
  };
  const controller = makeTaskRunController(context, {
    // What runs steps is loaded with the first TaskRun: it would be a sixth of the process at rest.
    execute: async (run, attempt) => {
      loading ??= load();
      const execute = await loading;
      return execute(run, attempt);
    },
  });
  const running = controller.run(signal);
  return {
    async close() {
      closing.abort(new Error('the build room is closing'));
      await controller.close();
      await running;
    },
  };
}
