import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, open, readFile, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { LogFull } from '../../runtime/broker/event-log.ts';
import { FileLog } from '../../runtime/broker/file-log.ts';
import { RECORD_HEADER_BYTES } from '../../runtime/broker/log-record.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

describe('the file log', () => {
  let directory: string;
  const clock = new FakeClock();
  const openLog = (options: Partial<Parameters<typeof FileLog.open>[0]> = {}): Promise<FileLog> =>
    FileLog.open({ directory, clock, logger: silentLogger, ...options });
  const bodies = async (log: FileLog, from = 1): Promise<string[]> => {
    const found: string[] = [];
    for (let position = from; position < log.nextSequence;) {
      const { records, next } = await log.read(position, 7);
      assert(next > position, 'reading goes on');
      found.push(...records.map(({ body }) => body.toString()));
      position = next;
    }
    return found;
  };
  const appendAll = async (log: FileLog, texts: readonly string[]): Promise<number[]> =>
    Promise.all(texts.map((text) => log.append(Buffer.from(text))));
  const numbered = (count: number, from = 1): string[] =>
    Array.from({ length: count }, (_, index) => `event ${from + index}`);
  const segmentFiles = async (): Promise<string[]> =>
    (await readdir(directory)).filter((name) => name.endsWith('.log')).sort();

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'knit-log-'));
  });
  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('gives ascending sequences from 1 and reads back what was appended', async () => {
    const log = await openLog();
    assert.deepEqual(
      await appendAll(log, numbered(20)),
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    assert.deepEqual(await bodies(log), numbered(20));
    await log.close();
  });

  it('continues after a restart, from disk and from memory alike', async () => {
    const first = await openLog();
    await appendAll(first, numbered(10));
    await first.close();
    const second = await openLog();
    assert.deepEqual(await appendAll(second, ['event 11']), [11]);
    assert.deepEqual(await bodies(second), numbered(11));
    assert.deepEqual(await bodies(second, 11), ['event 11']);
    await second.close();
    assert.equal((await segmentFiles()).length, 1);
  });

  it('rolls into a new file by size and reads across files', async () => {
    const log = await openLog({ segmentBytes: 200 });
    for (const text of numbered(30)) await log.append(Buffer.from(text));
    await log.close();
    assert((await segmentFiles()).length > 5);
    const again = await openLog({ segmentBytes: 200 });
    assert.deepEqual(await bodies(again), numbered(30));
    await again.close();
  });

  it('tells who listens after each append', async () => {
    const log = await openLog();
    let calls = 0;
    log.onAppend(() => calls++);
    await log.append(Buffer.from('a'));
    assert.equal(calls, 1);
    await log.close();
  });

  it('finds the first sequence at or after a time', async () => {
    const log = await openLog({ segmentBytes: 100 });
    const times: number[] = [];
    for (const text of numbered(10)) {
      times.push(clock.now());
      await log.append(Buffer.from(text));
      clock.advance(1000);
    }
    for (const [index, time] of times.entries()) {
      assert.equal(await log.sequenceAt(time), index + 1);
      assert.equal(await log.sequenceAt(time - 999), index + 1);
    }
    assert.equal(await log.sequenceAt(clock.now()), 11);
    await log.close();
  });

  describe('retention', () => {
    it('deletes settled files past their age and keeps unsettled ones', async () => {
      const log = await openLog({ segmentBytes: 100, retentionMs: 5_000 });
      for (const text of numbered(20)) {
        await log.append(Buffer.from(text));
        clock.advance(1000);
      }
      await log.enforceRetention(8);
      const unsettled = log.firstSequence;
      assert(unsettled > 1 && unsettled <= 8);
      await log.enforceRetention(log.nextSequence);
      assert(log.firstSequence > unsettled);
      assert((await bodies(log)).includes('event 20'));
      await log.close();
    });
    it('refuses events, as backlog, when unsettled ones take all the room', async () => {
      const log = await openLog({ segmentBytes: 100, retentionBytes: 400 });
      await assert.rejects(
        async () => {
          for (const text of numbered(50)) await log.append(Buffer.from(text));
        },
        (error: Error) => error instanceof LogFull && error.reason === 'backlog',
      );
      await log.enforceRetention(log.nextSequence);
      await log.append(Buffer.from('fits again'));
      await log.close();
    });
  });

  it('makes room by giving up the oldest settled file, and none that is needed', async () => {
    const log = await openLog({ segmentBytes: 100 });
    for (const text of numbered(9)) await log.append(Buffer.from(text));
    assert.equal(await log.makeRoom(1), false);
    assert.equal(await log.makeRoom(log.nextSequence), true);
    assert(log.firstSequence > 1);
    await log.close();
  });

  describe('after a torn write', () => {
    it('loses only the torn record, wherever it was torn', async () => {
      const log = await openLog();
      await appendAll(log, numbered(3));
      await log.close();
      const [name = ''] = await segmentFiles();
      const original = path.join(directory, 'original');
      await copyFile(path.join(directory, name), original);
      const { length } = await readFile(original);
      const lastRecordBytes = RECORD_HEADER_BYTES + 'event 3'.length;
      for (let cut = 1; cut < lastRecordBytes; cut++) {
        const copy = await mkdtemp(path.join(directory, 'cut-'));
        await copyFile(original, path.join(copy, name));
        await truncate(path.join(copy, name), length - cut);
        const torn = await openLog({ directory: copy });
        assert.deepEqual(await bodies(torn), numbered(2), `cut by ${cut}`);
        assert((await torn.append(Buffer.from('next'))) >= 3);
        await torn.close();
        const again = await openLog({ directory: copy });
        assert.deepEqual(await bodies(again), [...numbered(2), 'next'], `cut by ${cut}, reopened`);
        await again.close();
      }
    });
    it('never gives the sequence of a record that was cut off again', async () => {
      const log = await openLog();
      await appendAll(log, numbered(5));
      await log.close();
      await flipBit(path.join(directory, (await segmentFiles())[0] ?? ''), -1);
      const damaged = await openLog();
      assert((await damaged.append(Buffer.from('next'))) > 5);
      await damaged.close();
    });
  });

  describe('with a flipped bit', () => {
    it('sets the record aside, reports it and goes on with the next', async () => {
      const log = await openLog();
      await appendAll(log, numbered(9));
      await log.close();
      const file = path.join(directory, (await segmentFiles())[0] ?? '');
      const recordBytes = RECORD_HEADER_BYTES + 'event 1'.length;
      await flipBit(file, 24 + recordBytes * 4 + 3);
      const reports: string[] = [];
      const logger = { ...silentLogger, error: (message: string) => void reports.push(message) };
      const damaged = await openLog({ logger });
      assert.deepEqual(
        await bodies(damaged),
        numbered(9).filter((text) => text !== 'event 5'),
      );
      assert.equal(damaged.nextSequence, 10);
      await damaged.close();
      assert(reports.some((message) => message.includes('damaged bytes')));
      assert((await readdir(directory)).some((name) => name.endsWith('.damaged')));
    });
    it('notices damage that appears while it runs', async () => {
      const log = await openLog({ segmentBytes: 100 });
      for (const text of numbered(9)) await log.append(Buffer.from(text));
      await log.close();
      const running = await openLog({ segmentBytes: 100 });
      assert.equal((await bodies(running)).length, 9);
      await flipBit(path.join(directory, (await segmentFiles())[0] ?? ''), 30);
      assert.equal((await bodies(running)).length, 8);
      await running.close();
    });
    it('survives a damaged file header', async () => {
      const log = await openLog();
      await appendAll(log, numbered(4));
      await log.close();
      await flipBit(path.join(directory, (await segmentFiles())[0] ?? ''), 2);
      const damaged = await openLog();
      assert.deepEqual(await bodies(damaged), numbered(4));
      assert.equal(damaged.nextSequence, 5);
      await damaged.close();
    });
  });

  it('loses no acknowledged event when its process is killed while appending', async function () {
    this.timeout(30_000);
    const child = fileURLToPath(
      new URL(`./append-until-killed${path.extname(import.meta.url)}`, import.meta.url),
    );
    for (let round = 0; round < 3; round++) {
      const writer = spawn(process.execPath, [...process.execArgv, child, directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const acknowledged: string[] = [];
      const lines = createInterface({ input: writer.stdout });
      lines.on('line', (line) => {
        acknowledged.push(line);
        if (acknowledged.length === 500) writer.kill('SIGKILL');
      });
      await Promise.all([once(writer, 'exit'), once(lines, 'close')]);
      const log = await openLog();
      const stored = new Set(await bodies(log));
      for (const line of acknowledged) assert(stored.has(line), `${line} was acknowledged`);
      await log.close();
    }
  });

  it('refuses events when the disk is full, stays consistent, and takes them again when there is room', async () => {
    const mountPoint = path.join(directory, 'tiny');
    await mkdir(mountPoint);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mountPoint]);
    try {
      const log = await openLog({ directory: path.join(mountPoint, 'log'), segmentBytes: 300_000 });
      const body = Buffer.alloc(10_000, 'x');
      let stored = 0;
      await assert.rejects(
        async () => {
          for (;;) {
            await log.append(body);
            stored += 1;
          }
        },
        (error: Error) => error instanceof LogFull && error.reason === 'disk',
      );
      assert(stored > 80);
      assert.equal((await bodies(log)).length, stored);
      await assert.rejects(log.append(body), LogFull);
      await log.close();
      const again = await openLog({
        directory: path.join(mountPoint, 'log'),
        segmentBytes: 300_000,
        retentionBytes: 500_000,
      });
      assert.equal((await bodies(again)).length, stored);
      await again.enforceRetention(again.nextSequence);
      assert.equal(await again.append(body), stored + 1);
      await again.close();
    } finally {
      execFileSync('umount', [mountPoint]);
    }
  });
});

async function flipBit(file: string, offset: number): Promise<void> {
  const handle = await open(file, 'r+');
  const { size } = await handle.stat();
  const at = offset < 0 ? size + offset : offset;
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  await handle.write(byte, 0, 1, at);
  await handle.close();
}
