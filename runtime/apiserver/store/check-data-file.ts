/**
 * Looks at LMDB's data file before LMDB maps it: a file that is shorter than its own header says
 * would end the process with SIGBUS at the first read, and one that is no store deserves a sentence.
 * Source: the layout of LMDB's two meta pages (lmdb.h, mdb.c: MDB_page, MDB_meta, MDB_db).
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const MAGIC = 0xbeefc0de;
const PAGE_SIZE_DEFAULT = 4_096;
/** Where a meta page has what, from the page's first byte. */
const offsets = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152 };
const META_BYTES = 160;

interface Meta {
  readonly pageSize: number;
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** @throws when the file is there and is no whole store. An empty or missing file is a new store. */
export function checkDataFile(path: string): void {
  const file = openIfThere(path);
  if (file === undefined) return;
  try {
    const { size } = fstatSync(file);
    if (size === 0) return;
    const first = readMeta(file, 0);
    const second = readMeta(file, first?.pageSize ?? PAGE_SIZE_DEFAULT);
    const metas = [first, second].filter((meta) => meta !== undefined);
    const [meta] = metas.sort((a, b) => (a.transaction > b.transaction ? -1 : 1));
    if (!meta) throw damaged(path, 'it does not begin as a store does');
    const expected = (meta.lastPage + 1) * meta.pageSize;
    if (size < expected) throw damaged(path, `it has ${size} of ${expected} bytes`);
  } finally {
    closeSync(file);
  }
}

const damaged = (path: string, problem: string): Error =>
  new Error(
    `failed to open the store ${path}: ${problem}; restore the data directory from a copy, or remove it to start without its objects`,
  );

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** @returns undefined where there is no meta page. */
function readMeta(file: number, at: number): Meta | undefined {
  const bytes = Buffer.alloc(META_BYTES);
  if (readSync(file, bytes, 0, META_BYTES, at) < META_BYTES) return undefined;
  if (bytes.readUInt32LE(offsets.magic) !== MAGIC) return undefined;
  return {
    pageSize: bytes.readUInt32LE(offsets.pageSize),
    lastPage: Number(bytes.readBigUInt64LE(offsets.lastPage)),
    transaction: bytes.readBigUInt64LE(offsets.transaction),
  };
}
