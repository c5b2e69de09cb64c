/** The house rules of docs/architecture.md about who may import whom, checked over the sources. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtinModules } from 'node:module';

const root = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Rooms by floor; a room may import its own files and any room of a lower floor. */
const FLOORS: Record<string, number> = {
  'runtime/std': 1,
  'runtime/apis': 1,
  'runtime/cloudevents': 1,
  'runtime/kube': 2,
  'runtime/apiserver': 2,
  'runtime/broker': 2,
  'runtime/serving': 3,
  'runtime/eventing': 3,
  'runtime/sources': 3,
  'runtime/build': 3,
  'runtime/autoscaler': 3,
  'runtime/gateway': 3,
  'runtime/agent': 3,
  'runtime/workloads': 3,
  lib: 3,
  'runtime/functions': 3,
  'runtime/cli': 4,
};
/** Rooms that one floor's neighbours may use: the pure ones of floor 1, and kube for broker and apiserver. */
const SHARED_ON_FLOOR = new Set([
  'runtime/std',
  'runtime/apis',
  'runtime/cloudevents',
  'runtime/kube',
]);
/** Packages that more than one room needs, each with its reason. */
const SHARED_PACKAGES: Record<string, string> = {
  croner: 'schedules of PingSources and of CronJobs',
  execa: 'buildah in build, child processes in lib and cli',
  tar: 'archives that lib writes and build unpacks',
  yaml: 'serverless.yml in lib, bodies of requests in apiserver',
};

describe('The import rules of the house', () => {
  const files = [...sourceFiles(join(root, 'lib')), ...sourceFiles(join(root, 'runtime'))];

  it('let no room import a room of its own floor or of a higher one', () => {
    const wrong: string[] = [];
    for (const { file, target } of relativeImports(files)) {
      const from = roomOf(file);
      const to = roomOf(target);
      if (from === to || from === undefined || to === undefined) continue;
      const isBelow = (FLOORS[to] ?? 9) < (FLOORS[from] ?? 0);
      const isShared = SHARED_ON_FLOOR.has(to) && FLOORS[to] === FLOORS[from];
      if (!isBelow && !isShared) wrong.push(`${file} imports ${target}`);
    }
    assert.deepEqual(wrong, []);
  });

  it('let lib see apis, std and kube of the runtime and nothing else', () => {
    const allowed = new Set(['lib', 'runtime/apis', 'runtime/kube', 'runtime/std']);
    const wrong = [...relativeImports(files)]
      .filter(({ file }) => file.startsWith('lib/'))
      .filter(({ target }) => !allowed.has(roomOf(target) ?? ''));
    assert.deepEqual(wrong, []);
  });

  it('let only cli import the API server', () => {
    const wrong = [...relativeImports(files)].filter(
      ({ file, target }) =>
        roomOf(target) === 'runtime/apiserver' &&
        !['runtime/cli', 'runtime/apiserver'].includes(roomOf(file) ?? ''),
    );
    assert.deepEqual(wrong, []);
  });

  it('let a third-party package be imported in one room only', () => {
    const rooms = new Map<string, Set<string>>();
    for (const { file, specifier } of bareImports(files)) {
      const name = packageName(specifier);
      rooms.set(name, (rooms.get(name) ?? new Set()).add(roomOf(file) ?? file));
    }
    const wrong = [...rooms]
      .filter(([name, users]) => users.size > 1 && SHARED_PACKAGES[name] === undefined)
      .map(([name, users]) => `${name}: ${[...users].join(', ')}`);
    assert.deepEqual(wrong, []);
  });

  it('let std and the function servers import nothing but node: modules and their own files', () => {
    const wrong = [...bareImports(files)].filter(({ file }) => roomOf(file) === 'runtime/std');
    assert.deepEqual(wrong, []);
  });

  it('let only std/clock.ts touch Date.now and the global timers in the control plane', () => {
    const rooms = ['runtime/apis', 'runtime/serving', 'runtime/autoscaler', 'runtime/eventing'];
    const wrong = files
      .map((file) => relative(root, file))
      .filter((file) => rooms.includes(roomOf(file) ?? ''))
      .filter((file) =>
        /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(/.test(readFileSync(join(root, file), 'utf8')),
      );
    assert.deepEqual(wrong, []);
  });
});

function* sourceFiles(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sourceFiles(path);
    else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts')) yield path;
  }
}

function* importSpecifiers(
  files: readonly string[],
): Generator<{ file: string; specifier: string }> {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^'"\n;=]*?\bfrom\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  for (const path of files) {
    const text = readFileSync(path, 'utf8').replace(/\{[^{}]*\}(?=\s*from)/g, '{}');
    for (const match of text.matchAll(pattern))
      yield { file: relative(root, path), specifier: match[1] ?? match[2] ?? match[3] ?? '' };
  }
}

function* relativeImports(files: readonly string[]): Generator<{ file: string; target: string }> {
  for (const { file, specifier } of importSpecifiers(files))
    if (specifier.startsWith('.'))
      yield { file, target: relative(root, resolve(root, dirname(file), specifier)) };
}

function* bareImports(files: readonly string[]): Generator<{ file: string; specifier: string }> {
  for (const found of importSpecifiers(files)) {
    const { specifier } = found;
    if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
    if (builtinModules.includes(specifier)) continue;
    yield found;
  }
}

function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function roomOf(file: string): string | undefined {
  if (file.startsWith('lib/')) return 'lib';
  const room = file.split('/').slice(0, 2).join('/');
  return room in FLOORS ? room : undefined;
}

/** The repository's root, from the sources as well as from dist/. */
function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    try {
      readFileSync(join(folder, 'package-lock.json'));
      return folder;
    } catch {
      if (folder === dirname(folder)) throw new Error('no package-lock.json above the tests');
    }
  }
}
