/**
 * Kubernetes' own Go clients against a local runtime: the programs of test/clients/go, built where
 * there is Go. Not part of `npm test`, because building them takes minutes the first time; without Go
 * there is nothing to describe.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository, run } from '../e2e/harness.ts';
import { clientsCache, runGo } from './clients-cache.ts';
import { useSharedRuntime } from './shared-runtime.ts';

if (process.env['KNIT_CLIENTS'] === 'all' && hasGo())
  describe('client-go and controller-runtime against a local runtime', function () {
    // Building hundreds of packages on a busy machine takes its time.
    this.timeout(1_800_000);
    const runtime = useSharedRuntime();
    const program = join(clientsCache(), 'go/clients.test');
    const tests = namesOf(join(repository, 'test/clients/go'));

    before(async () => {
      mkdirSync(join(clientsCache(), 'go'), { recursive: true });
      await runGo(['test', '-c', '-o', program, '.'], join(repository, 'test/clients/go'));
    });

    for (const name of tests)
      it(name, async () => {
        const control = await runtime.pidOf('control');
        const outcome = await run(program, ['-test.v', `-test.run=^${name}$`], {
          env: {
            KUBECONFIG: join(runtime.home, 'kubeconfig'),
            RESTART: `kill -9 ${control}`,
          },
        });
        assert.equal(outcome.code, 0, outcome.stdout + outcome.stderr);
        assert.match(outcome.stdout, new RegExp(`^--- PASS: ${name} `, 'm'));
      });
  });

function hasGo(): boolean {
  try {
    execFileSync('go', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The tests that the sources declare: Go itself could list them only after building. */
function namesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('_test.go'))
    .flatMap((file) => [
      ...readFileSync(join(folder, file), 'utf8').matchAll(/^func (Test[A-Za-z0-9]+)\(/gm),
    ])
    .map(([, name]) => name ?? '');
}
