import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbJournal } from '../../runtime/apiserver/store/lmdb-journal.ts';
import { ObjectStore } from '../../runtime/apiserver/store/object-store.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

describe('a damaged store', () => {
  let dataDir: string;
  let file: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'knit-damaged-'));
    file = join(dataDir, 'objects.mdb');
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  const fill = async (records: ReadonlyMap<string, string>): Promise<void> => {
    const journal = openLmdbJournal(dataDir);
    await journal.commit(records);
    await journal.close();
  };
  const many = new Map(Array.from({ length: 50 }, (_, i) => [`k${i}`, 'v'.repeat(3_000)]));

  it('that was cut short is refused with its two lengths, at any length', async () => {
    await fill(many);
    const { length } = await readFile(file);
    for (const size of [length - 4_096, length / 2, 9_000]) {
      await truncate(file, size);
      assert.throws(
        () => openLmdbJournal(dataDir),
        new RegExp(`has ${size} of \\d+ bytes; restore the data directory from a copy`),
      );
    }
  });

  it('that is something else is refused', async () => {
    await mkdir(dataDir, { recursive: true });
    await writeFile(file, 'Not a store. '.repeat(1_000));
    assert.throws(() => openLmdbJournal(dataDir), /does not begin as a store does/);
  });

  it('with one record that is no JSON is refused with the name of its object', async () => {
    await fill(new Map([['apps/deployments\tdefault\td', '{"half": ']]));
    const journal = openLmdbJournal(dataDir);
    assert.throws(
      () => new ObjectStore({ journal, clock: systemClock, logger: silentLogger }),
      /failed to read apps\/deployments "default\/d": its record is damaged/,
    );
    await journal.close();
  });

  it('is none when the file is whole or empty', async () => {
    await writeFile(file, '');
    await fill(many);
    const journal = openLmdbJournal(dataDir);
    assert.equal([...journal.load()].length, many.size);
    await journal.close();
  });
});
