/** Runs the real host with the plugin, as a process of its own, in a service directory made for it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const osls = path.join(path.dirname(require.resolve('osls/package.json')), 'bin/serverless.js');
const tsx = pathToFileURL(require.resolve('tsx')).href;

export interface OslsResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class ServiceDirectory {
  readonly path: string;
  private readonly environment: Readonly<Record<string, string>>;

  constructor(environment: Readonly<Record<string, string>> = {}) {
    this.path = mkdtempSync(path.join(tmpdir(), 'knit-sls-'));
    this.environment = environment;
    const plugin = path.join(this.path, 'node_modules/serverless-knit');
    const extension = existsSync(new URL('../../lib/index.ts', import.meta.url)) ? 'ts' : 'js';
    const index = new URL(`../../lib/index.${extension}`, import.meta.url).href;
    mkdirSync(plugin, { recursive: true });
    mkdirSync(path.join(this.path, 'home'));
    writeFileSync(path.join(plugin, 'package.json'), '{"type":"module","main":"index.js"}');
    writeFileSync(path.join(plugin, 'index.js'), `export { default } from '${index}';\n`);
  }

  write(file: string, content: string): void {
    mkdirSync(path.dirname(path.join(this.path, file)), { recursive: true });
    writeFileSync(path.join(this.path, file), content);
  }

  /** Never rejects: a status other than 0 is a result. */
  sls(...args: string[]): Promise<OslsResult> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: path.join(this.path, 'home'),
      SLS_SCHEMA_CACHE_BASE_DIR: path.join(this.path, 'home'),
      KNIT_HOME: path.join(this.path, 'knit'),
      NODE_OPTIONS: `--import=${tsx}`,
      CI: '1',
      ...this.environment,
    };
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [osls, ...args],
        { cwd: this.path, env },
        (error, stdout, stderr) =>
          resolve({ status: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
      );
      child.stdin?.end();
    });
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
