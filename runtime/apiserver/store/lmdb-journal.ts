/**
 * The journal in LMDB: one environment per data directory, values as JSON text. The only file of
 * this room that imports lmdb.
 */
import { mkdirSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from 'lmdb';
import { checkDataFile } from './check-data-file.ts';
import type { Journal } from './journal.ts';

/** LMDB reports a full disk as "Input/output error"; below this much free space we say what it is. */
const DISK_FULL_BYTES = 1024 * 1024;

/** Opens (and creates, mode 0700) `<dataDir>/objects.mdb`. @throws when the file is damaged or none of ours, or the disk refuses. */
export function openLmdbJournal(dataDir: string): Journal {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, 'objects.mdb');
  checkDataFile(path);
  const db = open<string, string>({
    path,
    encoding: 'string',
    // With overlapping sync a put resolves before it is flushed; we acknowledge writes by it.
    overlappingSync: false,
    // Each `batch` is one transaction; lmdb's own grouping by event turn adds an instruction whose
    // promise nobody holds, so that a failed commit would be an unhandled rejection.
    eventTurnBatching: false,
    // The store above has everything in memory already.
    cache: false,
  });
  return {
    *load() {
      for (const { key, value } of db.getRange({ snapshot: false })) yield [key, value] as const;
    },
    async commit(batch) {
      try {
        // Not `transaction`: its promise never settles when the commit fails (lmdb 3.5.6).
        await db.batch(() => {
          for (const [key, value] of batch) {
            const written = value === undefined ? db.remove(key) : db.put(key, value);
            // Each put of a failed commit rejects too; the batch tells it all.
            written.catch(() => {});
          }
        });
      } catch (error) {
        throw await explainFailure(error as Error & { commitError?: unknown }, dataDir);
      }
    },
    close: () => db.close(),
  };
}

/** lmdb rejects with "see commitError", and that is a promise which rejects with the reason. */
async function explainFailure(
  error: Error & { commitError?: unknown },
  dataDir: string,
): Promise<Error> {
  const cause = await Promise.resolve(error.commitError ?? error).catch(
    (reason: unknown) => reason,
  );
  const { bavail, bsize } = await statfs(dataDir);
  const message =
    bavail * bsize < DISK_FULL_BYTES
      ? `no space left on the disk of ${dataDir}`
      : `LMDB could not commit to ${dataDir}: ${cause instanceof Error ? cause.message : String(cause)}`;
  return new Error(message, { cause });
}
