/** Finds out what this machine can run: containers, or only plain processes, and then why. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { runCommand } from './run-command.ts';

export interface DetectedDriver {
  readonly driver: 'oci' | 'process';
  readonly runtime?: 'crun' | 'runc';
  /** With `process`: what stands in the way of containers, and what to do about it. */
  readonly reason?: string;
}

/** Tries what a container needs (mount namespace, overlay, network namespace) instead of guessing by versions. */
export async function detectDriver(): Promise<DetectedDriver> {
  const no = (reason: string): DetectedDriver => ({ driver: 'process', reason });
  if (process.platform !== 'linux') return no(`containers need Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) return no('containers need root: run `knit up` with sudo');
  const runtime = (await works(['crun', '--version']))
    ? 'crun'
    : (await works(['runc', '--version']))
      ? 'runc'
      : undefined;
  if (!runtime) return no('neither crun nor runc is installed: `apt-get install crun`');
  if (!(await works(['buildah', '--version'])))
    return no('buildah is not installed: `apt-get install buildah`');
  if (!(await works(['ip', '-Version'])))
    return no('the ip command is not installed: `apt-get install iproute2`');
  const trial = mkdtempSync(join(tmpdir(), 'knit-detect-'));
  try {
    const script =
      'cd "$1" && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m';
    const mount = ['unshare', '--mount', '--net', '--propagation', 'private', '--'];
    const result = await runCommand([...mount, 'sh', '-c', script, 'sh', trial]);
    if (result.exitCode !== 0)
      return no(`this machine does not allow containers: ${result.stderr.trim().slice(0, 200)}`);
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error));
  } finally {
    rmSync(trial, { recursive: true, force: true });
  }
  return { driver: 'oci', runtime };
}

async function works(command: readonly string[]): Promise<boolean> {
  try {
    return (await runCommand(command)).exitCode === 0;
  } catch {
    return false;
  }
}
