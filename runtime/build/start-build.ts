/**
 * The build room's entry: executes TaskRuns on this machine. With buildah it makes OCI images in the
 * home's image store; in bundle mode it makes directories for the process driver. Steps in pods and
 * Pipelines are not here.
 */
import { rm } from 'node:fs/promises';
import { execa } from 'execa';
import type { ControllerContext } from '../kube/context.ts';
import { BaseImages } from './base-images/assemble-base-image.ts';
import { makeBuildPaths } from './build-paths.ts';
import { prepareBuildah } from './buildah-environment.ts';
import { makeExecute } from './execute-task.ts';
import type { Buildah } from './execute-task.ts';
import { endLeftoverProcesses } from './step-process.ts';
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

  let ready: Promise<Buildah | undefined> | undefined;
  // On first use, and again after a failure: buildah may be installed while the home runs.
  const buildah = (): Promise<Buildah | undefined> => {
    ready ??= makeBuildah().catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    return ready;
  };
  async function makeBuildah(): Promise<Buildah | undefined> {
    if (options.mode === 'bundle') return undefined;
    await rm(paths.temporary, { recursive: true, force: true });
    const environment = await prepareBuildah(paths, options.imageStoreRoot);
    const { env } = environment;
    // No step runs yet, so every working container is a leftover.
    await execa('buildah', ['rm', '--all'], { env, extendEnv: false, reject: false });
    const images = new BaseImages({
      buildah: environment,
      imageStoreRoot: options.imageStoreRoot,
      functionsRoot: options.functionsRoot,
      cache: paths.cache,
      clock,
      logger,
      signal,
    });
    return { env, baseImages: images };
  }

  const controller = makeTaskRunController(context, {
    execute: makeExecute({ client, clock, paths, bundlesRoot: options.bundlesRoot, buildah }),
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
