/**
 * Runs Knative Serving's own conformance and end-to-end programs against `knit up`, in a network
 * namespace of its own, and prints which of their tests pass, fail and were skipped by themselves.
 * Arguments: names of programs (all without), `--grep REGEXP` (Go's -test.run), `--parallel N`.
 * Exits with 1 when a test fails that is not among the known failures, or passes though it is.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Runtime, run } from '../../e2e/harness.ts';
import { clientsCache } from '../clients-cache.ts';
import { applySettings, createObjects } from './conformance-objects.ts';
import { imageRepository, loadConformanceImages } from './conformance-images.ts';
import {
  buildImageProgram,
  buildProgram,
  images,
  programs,
  SERVING_MODULE,
  SERVING_VERSION,
  type ProgramName,
  type TestProgram,
} from './conformance-programs.ts';
import { knownFailures } from './known-failures.ts';

const NAMESPACE_FLAG = '--in-own-network';
/** A program that takes longer hangs. */
const PROGRAM_TIMEOUT = '40m';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    grep: { type: 'string' },
    parallel: { type: 'string', default: '4' },
    keep: { type: 'boolean', default: false },
    [NAMESPACE_FLAG.slice(2)]: { type: 'boolean', default: false },
  },
});
const isProgram = (name: string): name is ProgramName => Object.hasOwn(programs, name);
const unknown = positionals.filter((name) => !isProgram(name));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(', ')}; programs are ${Object.keys(programs).join(', ')}`);
  process.exit(2);
}
const chosen = (positionals.length > 0 ? positionals : Object.keys(programs)).filter(isProgram);

const progress = (line: string): void => console.error(line);
const built = new Map<ProgramName, string>();
for (const name of chosen) built.set(name, await buildProgram(name, progress));
const entryPoints = new Map<string, string>();
for (const name of Object.keys(images))
  entryPoints.set(name, await buildImageProgram(name, progress));

// Upstream's programs ask for ports 80 and 443 of the ingress; there they are free, and nothing else is reached.
if (!flags[NAMESPACE_FLAG.slice(2) as 'in-own-network']) {
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1), NAMESPACE_FLAG];
  const { status } = spawnSync(
    'unshare',
    ['--net', 'sh', '-c', 'ip link set lo up && exec "$0" "$@"', ...again],
    { stdio: 'inherit' },
  );
  process.exit(status ?? 1);
}

interface Result {
  readonly program: ProgramName;
  readonly name: string;
  readonly verdict: 'PASS' | 'FAIL' | 'SKIP';
}

const logs = join(clientsCache(), 'logs');
await mkdir(logs, { recursive: true });
const runtime = new Runtime();
const results: Result[] = [];
try {
  const up = await runtime.up('--gateway-port', '80', '--gateway-tls-port', '443');
  if (up.code !== 0) throw new Error(`knit up failed: ${up.stderr}`);
  progress(`home ${runtime.home}`);
  await loadConformanceImages(runtime.home, entryPoints);
  await createObjects(runtime.home);
  const folder = await sourceFolder();
  for (const [name, path] of built) results.push(...(await runProgram(name, path, folder)));
} finally {
  if (!flags.keep) await runtime.remove();
}
process.exit(report());

async function runProgram(program: ProgramName, path: string, folder: string): Promise<Result[]> {
  const log = join(logs, `${program}.log`);
  progress(`running ${program} (log: ${log})`);
  const args = [
    '-test.v',
    `-test.timeout=${PROGRAM_TIMEOUT}`,
    `-test.parallel=${flags.parallel}`,
    ...(flags.grep === undefined ? [] : [`-test.run=${flags.grep}`]),
    `--kubeconfig=${join(runtime.home, 'kubeconfig')}`,
    '--ingressendpoint=127.0.0.1',
    `--dockerrepo=${imageRepository}`,
    '--spoofinterval=200ms',
    '--spooftimeout=2m',
    '--disable-logstream',
    '--enable-alpha',
    '--enable-beta',
  ];
  const { settings }: TestProgram = programs[program];
  const restore = settings && (await applySettings(runtime.home, settings));
  const child = spawn(path, args, {
    // Some tests read files beside them.
    cwd: join(folder, programs[program].package),
    env: {
      ...process.env,
      GATEWAY_OVERRIDE: 'conformance-ingress',
      GATEWAY_NAMESPACE_OVERRIDE: 'serving-tests',
      SYSTEM_NAMESPACE: 'knative-serving',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      file.write(chunk);
      text += chunk.toString();
    });
  const code = await new Promise<number>((resolve) =>
    child.on('close', (status) => resolve(status ?? 1)),
  );
  file.end();
  await restore?.();
  const found = [...text.matchAll(/^\s*--- (PASS|FAIL|SKIP): (\S+)/gm)].map(
    ([, verdict, name]): Result => ({
      program,
      name: name ?? '',
      verdict: verdict as Result['verdict'],
    }),
  );
  if (code !== 0 && !found.some(({ verdict }) => verdict === 'FAIL'))
    found.push({ program, name: `(exit code ${code})`, verdict: 'FAIL' });
  return found;
}

function report(): number {
  const unexpected: string[] = [];
  for (const program of built.keys()) {
    const mine = results.filter((result) => result.program === program);
    const count = (wanted: Result['verdict']): number =>
      mine.filter(({ verdict }) => verdict === wanted).length;
    console.log(
      `${program}: ${count('PASS')} passed, ${count('FAIL')} failed, ${count('SKIP')} skipped`,
    );
    for (const { name, verdict } of mine) {
      const cause = knownFailures[`${program} ${name}`];
      if (verdict === 'FAIL') console.log(`  FAIL ${name}${cause ? ` (known: ${cause})` : ''}`);
      if (verdict === 'FAIL' && !cause) unexpected.push(`fails: ${program} ${name}`);
      if (verdict === 'PASS' && cause)
        unexpected.push(`passes now, take it off the known failures: ${program} ${name}`);
    }
  }
  const passed = results.filter(({ verdict }) => verdict === 'PASS').length;
  const skipped = results.filter(({ verdict }) => verdict === 'SKIP').length;
  console.log(
    `${passed} of ${results.length - skipped} tests of ${SERVING_MODULE} ${SERVING_VERSION} pass`,
  );
  for (const line of unexpected) console.log(line);
  return unexpected.length > 0 ? 1 : 0;
}

/** The module's own folder in Go's module cache. */
async function sourceFolder(): Promise<string> {
  const { stdout, stderr } = await run('go', [
    'mod',
    'download',
    '-json',
    `${SERVING_MODULE}@v${SERVING_VERSION}`,
  ]);
  const found = (JSON.parse(stdout || '{}') as { Dir?: string }).Dir;
  if (!found) throw new Error(`${SERVING_MODULE} is not in the module cache: ${stderr}`);
  return found;
}
