/**
 * Everything that executes a TaskRun, put together: buildah prepared on first use, base images over
 * it, or bundles where there is no buildah. Loaded by start-build.ts when the first TaskRun comes.
 */
import { rm } from 'node:fs/promises';
import { execa } from 'execa';
import type { ControllerContext } from '../kube/context.ts';
import { BaseImages } from './base-images/assemble-base-image.ts';
import type { BuildPaths } from './build-paths.ts';
import { prepareBuildah } from './buildah-environment.ts';
import type { Buildah } from './execute-task.ts';
import { makeExecute } from './execute-task.ts';
import type { Execute } from './executor.ts';
import type { BuildOptions } from './start-build.ts';

export interface ExecutionOptions extends Pick<ControllerContext, 'client' | 'clock' | 'logger'> {
  /** Aborts when the build room closes. */
  readonly signal: AbortSignal;
  readonly paths: BuildPaths;
  readonly options: BuildOptions;
}

export function makeExecution({
  client,
  clock,
  logger,
  signal,
  paths,
  options,
}: ExecutionOptions): Execute {
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

  return makeExecute({ client, clock, paths, bundlesRoot: options.bundlesRoot, buildah });
}
