/**
 * Launchers that wait for their next container, one for each image that ran lately: forking this
 * process, joining control groups (an RCU grace period of the kernel) and mounting take twice as long
 * as the runtime itself, and none of it depends on the pod. Prepared after a start, never during one.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { CancelTimer, Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import type { ResolvedImage } from '../images/image-store.ts';
import type { Launcher, LauncherPlace } from './launcher.ts';

/** Each is a waiting shell and a mount namespace, some 2 MB; the image used least lately goes first. */
export const LAUNCHERS_MAX = 8;
/** A container that has just started needs the processors more. */
export const PREPARE_DELAY_MS = 500;

export interface LauncherPoolOptions {
  /** Directory for those that wait; emptied at the start. On the file system of the pods' directories. */
  readonly root: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly spawn: (place: LauncherPlace) => Launcher;
  /** Of control groups; new with each process, since containers of the one before keep theirs. */
  readonly groupPrefix: string;
}

export class LauncherPool {
  private readonly options: LauncherPoolOptions;
  /** By image, the one used least lately first. */
  private readonly waiting = new Map<string, { launcher: Launcher; image: ResolvedImage }>();
  private readonly wanted = new Map<string, ResolvedImage>();
  private readonly leaving = new Set<Promise<void>>();
  private cancelTimer: CancelTimer | undefined;
  private made = 0;
  private isClosed = false;

  constructor(options: LauncherPoolOptions) {
    this.options = options;
    rmSync(options.root, { recursive: true, force: true });
  }

  get size(): number {
    return this.waiting.size;
  }

  /** A name that no other control group of this home has. */
  nextGroup(): string {
    return `${this.options.groupPrefix}-${this.made++}`;
  }

  /** One that is ready for the image, if there is; the caller owns it from now on. */
  take(image: ResolvedImage): Launcher | undefined {
    const found = this.waiting.get(image.key);
    if (!found?.launcher.isReady) return undefined;
    this.waiting.delete(image.key);
    return found.launcher;
  }

  /** Has one made for the image's next start, a while from now. */
  prepareLater(image: ResolvedImage): void {
    if (this.isClosed) return;
    this.wanted.delete(image.key);
    this.wanted.set(image.key, image);
    this.cancelTimer ??= this.options.clock.after(PREPARE_DELAY_MS, () => this.prepareNext());
  }

  /** Resolves when none is left. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.cancelTimer?.();
    for (const key of [...this.waiting.keys()]) this.discard(key);
    await Promise.all(this.leaving);
  }

  private prepareNext(): void {
    this.cancelTimer = undefined;
    const [next] = this.wanted.values();
    if (!next) return;
    this.wanted.delete(next.key);
    this.prepare(next);
    // One at a time: each fork stops this process for some milliseconds.
    if (this.wanted.size > 0)
      this.cancelTimer = this.options.clock.after(PREPARE_DELAY_MS, () => this.prepareNext());
  }

  private prepare(image: ResolvedImage): void {
    for (const [key, one] of this.waiting)
      if (!existsSync(one.image.layers[0] ?? '')) this.discard(key);
    const known = this.waiting.get(image.key);
    if (known) {
      this.waiting.delete(image.key);
      this.waiting.set(image.key, known);
      return;
    }
    const group = this.nextGroup();
    const directory = join(this.options.root, group);
    try {
      const { layers } = image;
      const launcher = this.options.spawn({
        directory,
        logPath: `${directory}.log`,
        group,
        layers,
      });
      this.waiting.set(image.key, { launcher, image });
      void launcher.ended.then(() => {
        if (this.waiting.get(image.key)?.launcher === launcher) this.discard(image.key);
      });
    } catch (error) {
      this.options.logger.debug('failed to prepare the next start of an image', { error });
    }
    for (const key of [...this.waiting.keys()].slice(0, -LAUNCHERS_MAX)) this.discard(key);
  }

  private discard(key: string): void {
    const launcher = this.waiting.get(key)?.launcher;
    this.waiting.delete(key);
    if (!launcher) return;
    const gone = launcher.discard().finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
  }
}
