/**
 * The standard input of a container that asks for one: a fifo in its bundle. It stays open while the
 * container runs, whoever comes and goes, unless its spec says that it ends with the first who wrote.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

import type { Container } from '../../apis/core/types.ts';
import type { InputKind } from './launch-script.ts';

const fifoOf = (bundle: string): string => join(bundle, 'stdin');

/**
 * By bundle: what keeps an input open until its first writer has gone. It is ours, so that it can end:
 * an agent that dies ends it too.
 */
const holders = new Map<string, number>();

/** Call before the launch. @throws when there is no fifo to be had. */
export function prepareInput(bundle: string, container: Container): InputKind {
  const { stdin = false, stdinOnce = false, tty = false } = container;
  if (!stdin && !tty) return 'none';
  execFileSync('mkfifo', ['-m', '600', fifoOf(bundle)]);
  // A terminal's input must not end, or the program at it would be told so.
  if (!stdin || !stdinOnce) return tty ? 'open-tty' : 'open';
  holders.set(bundle, openSync(fifoOf(bundle), constants.O_RDWR | constants.O_NONBLOCK));
  return tty ? 'once-tty' : 'once';
}

/** Undefined when the container has no input, or it has ended. */
export function openInput(bundle: string): Writable | undefined {
  if (!existsSync(fifoOf(bundle))) return undefined;
  // Not for writing alone: that would fail until the container has come to open its end.
  const descriptor = openSync(fifoOf(bundle), constants.O_RDWR | constants.O_NONBLOCK);
  const input = new Socket({ fd: descriptor, readable: false, writable: true });
  input.on('error', () => undefined);
  input.once('close', () => releaseInput(bundle));
  return input;
}

/** The first who wrote has gone, or the container has. Where it ends with that, nobody comes again. */
export function releaseInput(bundle: string): void {
  const holder = holders.get(bundle);
  if (holder === undefined) return;
  holders.delete(bundle);
  closeSync(holder);
  rmSync(fifoOf(bundle), { force: true });
}
