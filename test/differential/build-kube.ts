/**
 * Builds Kubernetes' own kube-apiserver and kube-controller-manager, and etcd, from the Go module
 * proxy, once, into a directory outside the checkout. Building takes minutes; what is there is not
 * built again. (Debian's etcd is too old for streaming lists.)
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The version whose answers are the expectation. */
export const KUBERNETES_VERSION = '1.36.3';
const KUBERNETES_MODULE = 'k8s.io/kubernetes';
/** The version whose client kube-apiserver has compiled in. */
const ETCD_VERSION = '3.6.8';
const ETCD_MODULE = 'go.etcd.io/etcd/server/v3';

export const programs = ['kube-apiserver', 'kube-controller-manager', 'etcd'] as const;
export type Program = (typeof programs)[number];

/** Where programs are kept; `KNIT_KUBE_CACHE` overrides `~/.cache/knit/kube`. */
export const kubeCache = (): string =>
  join(
    process.env['KNIT_KUBE_CACHE'] ?? join(homedir(), '.cache/knit/kube'),
    `v${KUBERNETES_VERSION}`,
  );

/** The path of a program that is built already. */
export async function findProgram(program: Program): Promise<string | undefined> {
  const path = join(kubeCache(), program);
  return (await isExecutable(path)) ? path : undefined;
}

/** The path of a program of the machine. */
export async function findOnPath(name: string): Promise<string | undefined> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name);
    if (directory !== '' && (await isExecutable(path))) return path;
  }
  return undefined;
}

/**
 * @param onProgress gets the build's own output, line by line.
 * @returns the paths of the programs. @throws when there is no Go toolchain or the build fails.
 */
export async function buildKube(
  onProgress: (line: string) => void,
): Promise<Record<Program, string>> {
  const paths = {} as Record<Program, string>;
  for (const program of programs) {
    const found = await findProgram(program);
    paths[program] = found ?? (await build(program, onProgress));
  }
  return paths;
}

async function build(program: Program, onProgress: (line: string) => void): Promise<string> {
  if (!(await findOnPath('go')))
    throw new Error(`${program} cannot be built: there is no Go toolchain on the PATH`);
  onProgress(`building ${program}`);
  const path = join(kubeCache(), program);
  const partial = `${path}.partial`;
  if (program === 'etcd') await buildEtcd(partial, onProgress);
  else await buildKubernetes(program, partial, onProgress);
  await rename(partial, path);
  return path;
}

async function buildEtcd(path: string, onProgress: (line: string) => void): Promise<void> {
  const module = await makeModule('etcd-module', 'module knit.local/etcd\n');
  await run('go', ['get', `${ETCD_MODULE}@v${ETCD_VERSION}`], module, onProgress);
  await run('go', [...goBuild, '-s -w', '-o', path, ETCD_MODULE], module, onProgress);
}

async function buildKubernetes(
  program: Program,
  path: string,
  onProgress: (line: string) => void,
): Promise<void> {
  const module = await makeModule('kubernetes-module', 'module knit.local/kube\n');
  const download = await run(
    'go',
    ['mod', 'download', '-json', `${KUBERNETES_MODULE}@v${KUBERNETES_VERSION}`],
    module,
    onProgress,
  );
  const { GoMod } = JSON.parse(download) as { GoMod: string };
  await writeFile(join(module, 'go.mod'), makeGoMod(await readFile(GoMod, 'utf8')));
  // Imported by a file, so that `go mod tidy` finds what they need.
  await writeFile(
    join(module, 'programs.go'),
    `package programs\n\nimport _ "${KUBERNETES_MODULE}/cmd/${program}/app"\n`,
  );
  await run('go', ['mod', 'tidy', '-e'], module, onProgress);
  const [major, minor] = KUBERNETES_VERSION.split('.');
  const flags = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor };
  const ldflags = Object.entries(flags).map(
    ([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`,
  );
  const source = `${KUBERNETES_MODULE}/cmd/${program}`;
  await run(
    'go',
    [...goBuild, ['-s -w', ...ldflags].join(' '), '-o', path, source],
    module,
    onProgress,
  );
}

const goBuild = ['build', '-mod=mod', '-trimpath', '-ldflags'];

/** An empty module of our own, which only says what to build. */
async function makeModule(name: string, goMod: string): Promise<string> {
  const directory = join(kubeCache(), name);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'go.mod'), goMod);
  return directory;
}

/** Kubernetes requires its staging modules in version v0.0.0; the published ones are `v0.<minor>.<patch>`. */
function makeGoMod(kubernetesGoMod: string): string {
  const staging = [...kubernetesGoMod.matchAll(/^\t(k8s\.io\/[\w-]+) v0\.0\.0$/gm)].map(
    ([, name]) => name,
  );
  const goVersion = /^go (\S+)$/m.exec(kubernetesGoMod)?.[1] ?? '1.26.0';
  const version = `v0.${KUBERNETES_VERSION.split('.').slice(1).join('.')}`;
  return [
    'module knit.local/kube',
    `go ${goVersion}`,
    `require ${KUBERNETES_MODULE} v${KUBERNETES_VERSION}`,
    'replace (',
    ...staging.map((name) => `\t${name} => ${name} ${version}`),
    ')',
    '',
  ].join('\n');
}

function run(
  command: string,
  args: readonly string[],
  cwd: string,
  onProgress: (line: string) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let problems = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => {
      problems = (problems + String(chunk)).slice(-4_000);
      for (const line of String(chunk).split('\n')) if (line) onProgress(line);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`failed to run ${command} ${args.join(' ')}: ${problems}`));
    });
  });
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
