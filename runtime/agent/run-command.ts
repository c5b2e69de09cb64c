/** Runs a helper command off the hot path and collects what it prints. */
import { spawn } from 'node:child_process';

const OUTPUT_BYTES_MAX = 64 * 1024;
const TIMEOUT_MS_DEFAULT = 30_000;

export interface CommandOptions {
  readonly input?: string;
  /** @default 30 s */
  readonly timeoutMs?: number;
  /** Replaces this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  /** 128 + signal number is not used: a signal or a timeout gives -1. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Resolves for every exit code. @throws when the command cannot be started, with its name. */
export function runCommand(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? TIMEOUT_MS_DEFAULT,
      killSignal: 'SIGKILL',
      ...(options.env ? { env: { ...options.env } } : {}),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout.length < OUTPUT_BYTES_MAX) stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (stderr.length < OUTPUT_BYTES_MAX) stderr += text;
    });
    child.on('error', (error) => reject(new Error(`failed to run ${file}`, { cause: error })));
    child.on('close', (code) => resolve({ exitCode: code ?? -1, stdout, stderr }));
    // A command that ends without reading its input is no error of ours.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

/** As `runCommand`. @throws when the exit code is not 0, with what the command said. */
export async function runChecked(
  command: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(command, options);
  if (result.exitCode === 0) return result.stdout;
  const said = (result.stderr || result.stdout).trim().slice(0, 500);
  throw new Error(`${command.slice(0, 4).join(' ')} exited with ${result.exitCode}: ${said}`);
}
