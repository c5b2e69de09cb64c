/** A container's log as it is read: times of its lines, and readers that outlast a cut. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LogWatch, readLog, rotatedLog } from '../../runtime/agent/pods/pod-log.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';

const text = async (chunks: AsyncIterable<Uint8Array>): Promise<string> => {
  let all = '';
  for await (const chunk of chunks) all += Buffer.from(chunk).toString();
  return all;
};

describe('the log of a container', () => {
  let directory: string;
  let path: string;
  let clock: FakeClock;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'knit-log-'));
    path = join(directory, '0.log');
    clock = new FakeClock(Date.parse('2030-01-01T00:00:00Z'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('tells when each line was written, to the second, as Go writes a time', async () => {
    writeFileSync(path, '');
    const watch = new LogWatch(clock, () => [path]);
    appendFileSync(path, 'first\n');
    clock.advance(1_000);
    appendFileSync(path, 'second, a line\nthird');
    clock.advance(1_000);
    appendFileSync(path, ' and its end\nnow\n');
    const timeAt = (offset: number): number => watch.timeAt(path, offset);
    const isOpen = (): boolean => false;
    assert.equal(
      await text(readLog(() => path, { follow: false, clock, isOpen, timeAt })),
      '2030-01-01T00:00:01.000000000Z first\n' +
        '2030-01-01T00:00:02.000000000Z second, a line\n' +
        '2030-01-01T00:00:02.000000000Z third and its end\n' +
        '2030-01-01T00:00:02.000000000Z now\n',
    );
    const tail = { follow: false, clock, isOpen, timeAt, tailLines: 1 };
    assert.equal(await text(readLog(() => path, tail)), '2030-01-01T00:00:02.000000000Z now\n');
    watch.close();
  });

  it('has no lines at all where none are asked for', async () => {
    writeFileSync(path, 'one\ntwo\n');
    const options = { follow: false, clock, isOpen: () => false, tailLines: 0 };
    assert.equal(await text(readLog(() => path, options)), '');
  });

  it('loses nothing to a reader that follows while it is cut', async () => {
    writeFileSync(path, 'before\n');
    let isOpen = true;
    const read = readLog(() => path, { follow: true, clock, isOpen: () => isOpen });
    const iterator = read[Symbol.asyncIterator]();
    const next = async (): Promise<string> => {
      const { value } = await iterator.next();
      return Buffer.from(value as Uint8Array).toString();
    };
    assert.equal(await next(), 'before\n');
    const waiting = next();
    appendFileSync(path, 'unseen when it was cut\n');
    copyFileSync(path, rotatedLog(path));
    truncateSync(path, 0);
    appendFileSync(path, 'after\n');
    isOpen = false;
    await clock.advanceAsync(300, 10);
    assert.equal(await waiting, 'unseen when it was cut\n');
    assert.equal(await next(), 'after\n');
    assert.equal((await iterator.next()).done, true);
  });
});
