/**
 * A command without a client: of a probe or a hook. Its output is kept as far as an event shows it; what
 * exceeds its time is ended, inside the container too.
 */
import type { Clock } from '../../std/clock.ts';
import { type ExecOptions, startExec } from './exec-session.ts';

export interface CommandOutcome {
  readonly exitCode: number;
  /** Of both streams, in the order in which it came. */
  readonly output: string;
}

/** As kubelet: enough to see why a probe failed. */
const OUTPUT_BYTES_MAX = 10 * 1024;

/** @throws when it cannot be started, or has not ended after `timeoutMs`. */
export async function runInContainer(
  options: Omit<ExecOptions, 'stdin' | 'tty' | 'echo'>,
  { timeoutMs, clock, shown }: { timeoutMs: number; clock: Clock; shown: readonly string[] },
): Promise<CommandOutcome> {
  const session = startExec({ ...options, stdin: false, tty: false, echo: false });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (const stream of [session.stdout, session.stderr])
    stream.on('data', (chunk: Buffer) => {
      if (bytes < OUTPUT_BYTES_MAX) chunks.push(chunk.subarray(0, OUTPUT_BYTES_MAX - bytes));
      bytes += chunk.length;
    });
  let isLate = false;
  const cancel = clock.after(timeoutMs, () => {
    isLate = true;
    session.kill();
  });
  try {
    const exitCode = await session.exited;
    if (isLate)
      throw new Error(
        `command timed out: ${JSON.stringify(shown.join(' '))} timed out after ${timeoutMs / 1000}s`,
      );
    // What it wrote last is in the pipe already.
    await new Promise((resolve) => setImmediate(resolve));
    return { exitCode, output: Buffer.concat(chunks).toString() };
  } finally {
    cancel();
  }
}
