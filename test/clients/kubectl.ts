/**
 * The kubectl programs that the tests drive: the one on the PATH, and with `KNIT_CLIENTS=all` every
 * other one that the machine's caches hold. Each gets a home and a cache of its own.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { clientsCache } from './clients-cache.ts';
import type { Outcome } from '../e2e/harness.ts';

/** A command that takes longer hangs. */
const COMMAND_TIMEOUT_MS = 120_000;

export interface KubectlProgram {
  readonly path: string;
  /** The minor version of 1.x. */
  readonly minor: number;
}

/** @throws when no kubectl is on the PATH. */
export function findKubectls(): readonly KubectlProgram[] {
  const onPath = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find((path) => existsSync(path));
  if (!onPath) throw new Error('kubectl is not installed: apt-get install kubernetes-client');
  const cached = [
    join(process.env['KNIT_KUBE_CACHE'] ?? clientsCache(), 'kubectl'),
    join(clientsCache(), 'debian/usr/bin/kubectl'),
    join(clientsCache(), 'go/kubectl'),
  ].filter((path) => existsSync(path));
  const paths = process.env['KNIT_CLIENTS'] === 'all' ? [onPath, ...cached] : [onPath];
  return paths.map((path) => ({ path, minor: minorOf(path) }));
}

function minorOf(path: string): number {
  const text = execFileSync(path, ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  const { clientVersion } = JSON.parse(text) as { clientVersion: { minor: string } };
  return Number.parseInt(clientVersion.minor, 10);
}

/** One program with one kubeconfig and one default namespace. */
export class Kubectl {
  readonly minor: number;
  private readonly path: string;
  private readonly home = mkdtempSync(join(tmpdir(), 'knit-kubectl-'));
  private readonly base: readonly string[];
  private readonly running = new Set<ChildProcess>();

  constructor(program: KubectlProgram, options: { kubeconfig: string; namespace: string }) {
    this.path = program.path;
    this.minor = program.minor;
    this.base = ['--kubeconfig', options.kubeconfig, '--namespace', options.namespace];
  }

  /** What the command says. @throws when it fails, with what it said. */
  async ok(args: readonly string[], input?: string): Promise<string> {
    const outcome = await this.run(args, input);
    if (outcome.code !== 0)
      throw new Error(
        `kubectl ${args.join(' ')}: exit code ${outcome.code}\n${outcome.stdout}${outcome.stderr}`,
      );
    return outcome.stdout;
  }

  /** Applies manifests given as text. */
  apply(manifests: string, ...more: readonly string[]): Promise<string> {
    return this.ok(['apply', '-f', '-', ...more], manifests);
  }

  async run(args: readonly string[], input?: string): Promise<Outcome> {
    const child = this.start(args);
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
    // A command that does not read its input may be gone already.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), COMMAND_TIMEOUT_MS);
    const code = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => resolve(status ?? -1));
    });
    clearTimeout(timer);
    return { code, stdout, stderr };
  }

  /** Leaves the command running, for those that follow something. */
  start(args: readonly string[]): ChildProcess {
    const child = spawn(this.path, [...this.base, ...args], {
      env: { PATH: process.env['PATH'] ?? '', HOME: this.home },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.running.add(child);
    child.on('close', () => this.running.delete(child));
    return child;
  }

  close(): void {
    for (const child of this.running) child.kill('SIGKILL');
    rmSync(this.home, { recursive: true, force: true });
  }
}
