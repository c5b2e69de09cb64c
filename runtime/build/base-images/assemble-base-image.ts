/**
 * Makes the base images with buildah, from scratch and without any registry: a system layer with the
 * interpreter and its libraries, and a layer with the function servers. Both are tagged by content,
 * so an image is assembled once per machine and version of Knit.
 */
import { join } from 'node:path';
import { symlink } from 'node:fs/promises';
import { execa } from 'execa';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { BuildError } from '../build-error.ts';
import type { BuildahEnvironment } from '../buildah-environment.ts';
import { hasImage } from '../image-store.ts';
import { baseImageRef, makeImageConfig } from './catalog.ts';
import type { BaseImage } from './catalog.ts';
import { fingerprintServers, planContents, skipsInPython } from './plan-contents.ts';
import type { BaseContents } from './plan-contents.ts';
import { copyFromMachine, copyTree, makeSkeleton } from './root-tree.ts';

/** How long a fallback is good enough before the registry is asked again. */
const fallbackMs = 600_000;

export interface BaseImageOptions {
  readonly buildah: BuildahEnvironment;
  readonly imageStoreRoot: string;
  readonly functionsRoot: string;
  readonly cache: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Makes sure that base images are in the store; concurrent calls for one image share the work. */
export class BaseImages {
  private readonly options: BaseImageOptions;
  private readonly contents = new Map<
    string,
    { promise: Promise<BaseContents>; untilMs: number }
  >();
  private readonly assembling = new Map<string, Promise<void>>();

  constructor(options: BaseImageOptions) {
    this.options = options;
  }

  /** Resolves when `knit.local/<name>:latest` is current. Warm, it costs a few milliseconds. */
  async ensure(image: BaseImage): Promise<void> {
    const running = this.assembling.get(image.name) ?? this.assemble(image);
    this.assembling.set(image.name, running);
    try {
      await running;
    } finally {
      this.assembling.delete(image.name);
    }
  }

  private async assemble(image: BaseImage): Promise<void> {
    const { imageStoreRoot, functionsRoot, buildah, clock, logger } = this.options;
    const contents = await this.plan(image);
    const servers = await fingerprintServers(image, functionsRoot);
    const systemRef = `${baseImageRef(`system-${image.name}`)}:${contents.fingerprint}`;
    const ref = baseImageRef(image.name);
    const tag = `${ref}:${contents.fingerprint}-${servers}`;
    const has = (name: string): Promise<boolean> => hasImage(imageStoreRoot, buildah.driver, name);
    if (await has(tag)) {
      if (!(await has(`${ref}:latest`))) await this.buildah('tag', tag, `${ref}:latest`);
      return;
    }
    const startMs = clock.now();
    if (!(await has(systemRef))) await this.makeSystemImage(systemRef, contents);
    await this.makeRuntimeImage(image, { systemRef, tag });
    await this.buildah('tag', tag, `${ref}:latest`);
    logger.info('base image assembled', {
      image: ref,
      interpreter: contents.interpreter,
      durationMs: clock.now() - startMs,
    });
  }

  /** What an image consists of does not change while this process lives, unless it is a fallback. */
  private async plan(image: BaseImage): Promise<BaseContents> {
    const { clock } = this.options;
    const known = this.contents.get(image.name);
    if (known && known.untilMs > clock.now()) return known.promise;
    const entry = { promise: planContents(image, this.options), untilMs: Infinity };
    this.contents.set(image.name, entry);
    try {
      const contents = await entry.promise;
      if (contents.isFallback) entry.untilMs = clock.now() + fallbackMs;
      return contents;
    } catch (error) {
      this.contents.delete(image.name);
      throw error;
    }
  }

  private async makeSystemImage(ref: string, contents: BaseContents): Promise<void> {
    await this.withContainer('scratch', async (container) => {
      const root = await this.buildah('mount', container);
      await makeSkeleton(root);
      for (const { path, target } of contents.files) await copyFromMachine(root, path, target);
      for (const { path, target } of contents.trees)
        await copyTree(root, path, { target, skips: skipsInPython });
      for (const [path, target] of Object.entries(contents.links))
        await symlink(target, join(root, path));
      await this.probe(root, contents);
      await this.buildah('umount', container);
      await this.buildah('commit', '--quiet', container, ref);
    });
  }

  private async makeRuntimeImage(
    image: BaseImage,
    { systemRef, tag }: { systemRef: string; tag: string },
  ): Promise<void> {
    const config = makeImageConfig(image);
    await this.withContainer(systemRef, async (container) => {
      const root = await this.buildah('mount', container);
      for (const server of image.servers)
        await copyTree(root, join(this.options.functionsRoot, server), {
          target: `/var/runtime/${server}`,
          skips: (name) => name === '__pycache__',
        });
      await this.buildah('umount', container);
      await this.buildah(
        'config',
        ...config.Env.flatMap((variable) => ['--env', variable]),
        ...Object.entries(config.Labels).flatMap(([name, value]) => [
          '--label',
          `${name}=${value}`,
        ]),
        '--entrypoint',
        JSON.stringify(config.Entrypoint),
        '--workingdir',
        config.WorkingDir,
        '--port',
        '8080',
        container,
      );
      await this.buildah('commit', '--quiet', container, tag);
    });
  }

  /** Better to fail here than at the first request: a library may be missing or too old. */
  private async probe(root: string, { probe, interpreter }: BaseContents): Promise<void> {
    const result = await execa('chroot', [root, ...probe], {
      reject: false,
      all: true,
      env: this.options.buildah.env,
      extendEnv: false,
    });
    if (result.exitCode !== 0)
      throw new BuildError(
        'BaseImageFailed',
        `${interpreter} does not run inside the base image that was assembled for it: ${result.all ?? result.shortMessage}`,
      );
  }

  private async withContainer(
    from: string,
    body: (container: string) => Promise<void>,
  ): Promise<void> {
    const container = await this.buildah('from', '--pull=never', from);
    try {
      await body(container);
    } finally {
      // Not through `signal`: the container must go even when the build was stopped.
      await execa('buildah', ['rm', container], { ...this.execution(), reject: false });
    }
  }

  private async buildah(...args: readonly string[]): Promise<string> {
    const { signal } = this.options;
    signal.throwIfAborted();
    const result = await execa('buildah', args, {
      ...this.execution(),
      reject: false,
      all: true,
      cancelSignal: signal,
    });
    signal.throwIfAborted();
    if (result.failed)
      throw new BuildError(
        'BaseImageFailed',
        `buildah ${args[0] ?? ''} failed while a base image was assembled: ${result.all.trim().slice(-1000)}`,
      );
    return result.stdout.trim();
  }

  private execution(): { env: Readonly<Record<string, string>>; extendEnv: false } {
    return { env: this.options.buildah.env, extendEnv: false };
  }
}
