/**
 * Where programs that are built for the client tests are kept: outside the checkout, because building
 * them takes minutes. `KNIT_CLIENTS_CACHE` overrides `~/.cache/knit/clients`.
 */
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const clientsCache = (): string =>
  process.env['KNIT_CLIENTS_CACHE'] ?? join(homedir(), '.cache/knit/clients');

/**
 * Runs the Go toolchain in a folder with a go.mod.
 * @throws when it fails, with the end of what it said.
 */
export function runGo(args: readonly string[], folder: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('go', [...args], {
      cwd: folder,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -mod=mod' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let problems = '';
    child.stderr.on('data', (chunk) => (problems = (problems + String(chunk)).slice(-4_000)));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`failed to run go ${args.join(' ')}: ${problems}`));
    });
  });
}
