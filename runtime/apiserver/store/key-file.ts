/**
 * The file with the keys that Secrets are encrypted with: `<id> <base64 of 32 bytes>` a line, the
 * first one for writing, the others for reading what older ones wrote. To rotate, put a new line on
 * top and start again: that start rewrites every Secret, and the old lines may go.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { RecordKey } from './record-cipher.ts';

const SECRET_BYTES = 32;
const FILE_MODE = 0o600;

export interface KeyFile {
  readonly keys: readonly RecordKey[];
  /** Writes a key that was made for this start, before anything is encrypted with it. */
  save(): void;
}

/** Reads the keys, or makes one where there is no file. @throws for a line that is no key. */
export function openKeyFile(path: string): KeyFile {
  const text = readIfThere(path);
  if (text === undefined) {
    const key = { id: `k${randomBytes(4).toString('hex')}`, secret: randomBytes(SECRET_BYTES) };
    return { keys: [key], save: () => writeNew(path, key) };
  }
  // Whoever copied it here may have been less careful.
  chmodSync(path, FILE_MODE);
  return { keys: parseKeys(text, path), save: () => {} };
}

function parseKeys(text: string, path: string): RecordKey[] {
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return [];
    const [, id, encoded = ''] = /^([\w-]+)\s+([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
    const secret = Buffer.from(encoded, 'base64');
    if (id === undefined || secret.length !== SECRET_BYTES)
      throw new Error(
        `${path}, line ${index + 1}: not a key; a line is "<id> <base64 of ${SECRET_BYTES} bytes>"`,
      );
    return [{ id, secret }];
  });
  if (keys.length === 0)
    throw new Error(`${path} holds no key; restore it from a copy, or remove it with the home`);
  return keys;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** On disk before the first record needs it. Never overwrites. */
function writeNew(path: string, { id, secret }: RecordKey): void {
  const file = openSync(path, 'wx', FILE_MODE);
  try {
    writeSync(file, `${id} ${secret.toString('base64')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
