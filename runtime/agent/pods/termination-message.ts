/**
 * Why a container ended, in its own words: the file that it may write its last message into, or the
 * end of its log. Source: kubelet kuberuntime_container.go, getTerminationMessage (behaviour, limits).
 */
import {
  chmodSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

import type { Container } from '../../apis/core/types.ts';
import type { ContainerExit } from '../driver.ts';

/** Kubernetes' limits: the status is written often and kept in memory by every watcher. */
const MESSAGE_BYTES_MAX = 4096;
const LOG_BYTES_MAX = 2048;
const LOG_LINES_MAX = 80;

/** Makes the empty file that any user of the container may write. @throws the file system's error. */
export function makeTerminationFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, '');
  // Not through the mode of the call, which the umask would cut.
  chmodSync(path, 0o666);
}

/**
 * `terminated.message`: what the runtime said, then what the container left in its file; with
 * FallbackToLogsOnError, the end of its log where it failed and left nothing.
 */
export function readTerminationMessage(options: {
  readonly container: Pick<Container, 'terminationMessagePolicy'>;
  readonly exit: ContainerExit;
  readonly terminationPath: string;
  readonly logPath: string;
}): string | undefined {
  const { container, exit, terminationPath, logPath } = options;
  let words = readEnd(terminationPath, MESSAGE_BYTES_MAX);
  const mayFallBack = container.terminationMessagePolicy === 'FallbackToLogsOnError';
  if (words === '' && mayFallBack && exit.exitCode !== 0)
    words = lastLines(readEnd(logPath, LOG_BYTES_MAX), LOG_LINES_MAX);
  return [exit.message, words].filter(Boolean).join(': ') || undefined;
}

/** Of a text whose last newline ends a line, as in a log. */
const lastLines = (text: string, count: number): string =>
  text
    .split('\n')
    .slice(text.endsWith('\n') ? -count - 1 : -count)
    .join('\n');

/** The last bytes of a file as text; nothing where there is no such file. */
function readEnd(path: string, bytesMax: number): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, bytesMax));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8', firstWhole(bytes), read);
  } finally {
    closeSync(file);
  }
}

/** Where the first whole character begins: the cut may have gone through one. */
function firstWhole(bytes: Buffer): number {
  let index = 0;
  while (index < 3 && ((bytes[index] ?? 0) & 0xc0) === 0x80) index++;
  return index;
}
