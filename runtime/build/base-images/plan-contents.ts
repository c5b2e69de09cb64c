/**
 * Lists what goes into the system layer of a base image, and a fingerprint of it, so that an
 * unchanged machine assembles nothing twice. Reads, never writes.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram } from '../buildah-environment.ts';
import type { BaseImage } from './catalog.ts';
import { makeImageConfig } from './catalog.ts';
import { findNodeBinary } from './find-node-binary.ts';
import type { NodeBinaryOptions } from './find-node-binary.ts';
import { findPython } from './find-python.ts';
import { shellCommands, systemFiles } from './root-tree.ts';
import { findSharedLibraries } from './shared-libraries.ts';

/** Raised when the layout changes in a way that the listed files do not show. */
const recipeVersion = 2;

export interface BaseContents {
  /** Source path on the machine, and where it goes. */
  readonly files: readonly { readonly path: string; readonly target: string }[];
  /** Links to make: target text by path. */
  readonly links: Readonly<Record<string, string>>;
  readonly trees: readonly { readonly path: string; readonly target: string }[];
  /** A command that proves that the image works. */
  readonly probe: readonly string[];
  /** What runs functions, e.g. `node 22.23.3`. */
  readonly interpreter: string;
  /** Not what was asked for, only what could be had now. */
  readonly isFallback: boolean;
  /** 12 hex digits over everything above. */
  readonly fingerprint: string;
}

/** Names in the standard library that no function needs: tests and the like are two thirds of it. */
export const skipsInPython = (name: string): boolean =>
  [
    'test',
    'tests',
    'idlelib',
    'turtledemo',
    'site-packages',
    'dist-packages',
    '__pycache__',
  ].includes(name) || name.startsWith('config-');

export async function planContents(
  image: BaseImage,
  options: NodeBinaryOptions,
): Promise<BaseContents> {
  const commands: { path: string; target: string }[] = [];
  for (const command of shellCommands) {
    const path = await findProgram(command);
    if (path) commands.push({ path: await realpath(path), target: `/usr/bin/${command}` });
  }
  const interpreter =
    image.language === 'python' ? await pythonFiles() : await nodeFiles(image, options);
  const libraries = await findSharedLibraries([
    ...commands.map(({ path }) => path),
    ...interpreter.files.map(({ path }) => path),
    ...interpreter.modules,
  ]);
  const files = [
    ...commands,
    ...interpreter.files,
    ...libraries.map((path) => ({ path, target: libraryTarget(path) })),
    ...(await existing(systemFiles)).map((path) => ({ path, target: path })),
  ];
  const { links, trees, probe, name, isFallback } = interpreter;
  const described = { recipeVersion, links, trees, probe, name, files: [] as unknown[] };
  for (const { path, target } of files) {
    const { size, mtimeMs } = await stat(path);
    described.files.push([target, size, mtimeMs]);
  }
  const fingerprint = hash(JSON.stringify(described));
  return { files, links, trees, probe, interpreter: name, isFallback, fingerprint };
}

/** 12 hex digits over the function servers' files and the image's configuration. */
export async function fingerprintServers(image: BaseImage, functionsRoot: string): Promise<string> {
  const digest = createHash('sha256').update(JSON.stringify(makeImageConfig(image)));
  for (const server of image.servers) {
    const names = await readdir(join(functionsRoot, server), { recursive: true });
    for (const name of names.filter((each) => !each.includes('__pycache__')).sort()) {
      const path = join(functionsRoot, server, name);
      if ((await stat(path)).isFile())
        digest.update(`\0${server}/${name}\0`).update(await readFile(path));
    }
  }
  return digest.digest('hex').slice(0, 12);
}

interface Interpreter extends Pick<
  BaseContents,
  'files' | 'links' | 'trees' | 'probe' | 'isFallback'
> {
  readonly name: string;
  /** Loaded at run time, so their libraries are needed too. */
  readonly modules: readonly string[];
}

async function nodeFiles(image: BaseImage, options: NodeBinaryOptions): Promise<Interpreter> {
  const { path, version, isFallback } = await findNodeBinary(image.nodeMajor, options);
  return {
    files: [{ path, target: '/usr/bin/node' }],
    links: {},
    trees: [],
    probe: ['/usr/bin/node', '--version'],
    name: `node ${version}`,
    isFallback,
    modules: [],
  };
}

async function pythonFiles(): Promise<Interpreter> {
  const { executable, version, standardLibrary } = await findPython();
  const dynamic = join(standardLibrary, 'lib-dynload');
  const modules = (await readdir(dynamic).catch(() => []))
    .filter((name) => name.endsWith('.so'))
    .map((name) => join(dynamic, name));
  return {
    files: [{ path: executable, target: `/usr/bin/python${version}` }],
    links: { '/usr/bin/python3': `python${version}` },
    trees: [{ path: standardLibrary, target: `/usr/lib/python${version}` }],
    probe: ['/usr/bin/python3', '-c', 'import ssl, json, http.server'],
    name: `python ${version}`,
    isFallback: false,
    modules,
  };
}

/** Libraries outside the loader's own folders (a version manager's) go where it will find them. */
const libraryTarget = (path: string): string =>
  /^\/(usr\/)?lib(64)?\//.test(path) ? path : `/usr/lib/${path.slice(path.lastIndexOf('/') + 1)}`;

async function existing(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths)
    if (
      await stat(path).then(
        () => true,
        () => false,
      )
    )
      found.push(path);
  return found;
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
