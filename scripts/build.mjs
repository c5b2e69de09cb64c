/**
 * `npm run build`: TypeScript to dist/, and beside it what is shipped as it is. Builds into a folder
 * of its own and swaps, since a runtime may be running from dist/; does nothing when nothing changed.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { mustRun, root } from './machine.mjs';

const SOURCES = ['lib', 'runtime', 'test', 'bench'];
const dist = join(root, 'dist');
const stamp = join(dist, '.build');
const wanted = digestOfSources();

if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) {
  console.error('dist/ is up to date');
} else {
  const fresh = join(root, `dist.new-${process.pid}`);
  const stale = join(root, `dist.old-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  mustRun(process.execPath, [tsc, '-p', root, '--outDir', fresh]);
  // The function servers go into images as they are: plain JavaScript and Python, built by nobody.
  cpSync(join(root, 'runtime/functions'), join(fresh, 'runtime/functions'), { recursive: true });
  // Data that is read at run time.
  for (const file of [
    'runtime/apis/schema/kubernetes.json',
    'test/apis/serving/upstream/decisions.json',
    'test/apis/serving/upstream/rollouts.json',
    'test/apis/serving/upstream/verdicts.json',
    'test/apis/serving/upstream/windows.json',
    'test/apiserver/protobuf/fixtures/go-objects.json',
  ])
    cpSync(join(root, file), join(fresh, file));
  writeFileSync(join(fresh, '.build'), wanted);
  if (existsSync(dist)) renameSync(dist, stale);
  renameSync(fresh, dist);
  rmSync(stale, { recursive: true, force: true });
}

function digestOfSources() {
  const hash = createHash('sha256');
  for (const file of ['package-lock.json', 'package.json', 'tsconfig.json'])
    hash.update(readFileSync(join(root, file)));
  for (const folder of SOURCES) addFolder(hash, join(root, folder));
  return hash.digest('hex');
}

function addFolder(hash, folder) {
  const entries = readdirSync(folder, { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) addFolder(hash, path);
    else if (entry.isFile()) hash.update(`${path}\0`).update(readFileSync(path));
  }
}
