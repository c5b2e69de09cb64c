/**
 * The journal in LMDB: one environment per data directory, values as JSON text. The only file that
 * imports lmdb.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import type { Journal } from './journal.ts';

/** Opens (and creates, mode 0700) `<dataDir>/objects.mdb`. @throws when another format is found or the disk refuses. */
export function openLmdbJournal(dataDir: string): Journal {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const db = open<string, string>({
    path: join(dataDir, 'objects.mdb'),
    encoding: 'string',
    // With overlapping sync a put resolves before it is flushed; we acknowledge writes by it.
    overlappingSync: false,
    // Debugging aids and caches that an in-memory store above makes useless.
    cache: false,
  });
  return {
    *load() {
      for (const { key, value } of db.getRange({ snapshot: false })) yield [key, value] as const;
    },
    async commit(batch) {
      // Without an own transaction lmdb may split a large batch over two commits.
      await db.transaction(() => {
        for (const [key, value] of batch) {
          if (value === undefined) void db.remove(key);
          else void db.put(key, value);
        }
      });
    },
    close: () => db.close(),
  };
}
