import assert from 'node:assert/strict';
import { Controller, TerminalError } from '../../runtime/kube/controller.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('A controller', () => {
  let clock: FakeClock;
  let abort: AbortController;
  beforeEach(() => {
    clock = new FakeClock();
    abort = new AbortController();
  });
  afterEach(() => abort.abort());

  function start(
    reconcile: (key: string) => Promise<{ requeueAfterMs?: number } | void>,
    concurrency = 8,
  ): Controller {
    const controller = new Controller({
      name: 'test',
      clock,
      logger: silentLogger,
      concurrency,
      reconcile,
    });
    void controller.run(abort.signal);
    return controller;
  }

  it('reconciles a key that is added several times at once only once', async () => {
    const seen: string[] = [];
    const controller = new Controller({
      name: 'test',
      clock,
      logger: silentLogger,
      reconcile: async (key) => void seen.push(key),
    });
    controller.enqueue('a');
    controller.enqueue('a');
    void controller.run(abort.signal);
    await settle();
    assert.deepEqual(seen, ['a']);
  });

  it('reconciles a key again when it was added while it was worked on, and never twice at a time', async () => {
    let running = 0;
    let runs = 0;
    let release: () => void = () => undefined;
    const controller = start(async () => {
      running += 1;
      assert.equal(running, 1);
      runs += 1;
      if (runs === 1) await new Promise<void>((resolve) => (release = resolve));
      running -= 1;
    });
    controller.enqueue('a');
    controller.enqueue('a');
    controller.enqueue('a');
    release();
    await settle();
    assert.equal(runs, 2);
  });

  it('works on at most `concurrency` keys at a time', async () => {
    let running = 0;
    let most = 0;
    const controller = start(async () => {
      most = Math.max(most, ++running);
      await settle();
      running -= 1;
    }, 2);
    for (const key of ['a', 'b', 'c', 'd', 'e']) controller.enqueue(key);
    for (let i = 0; i < 10; i++) await settle();
    assert.equal(most, 2);
  });

  it('retries a failure after 5, 10, 20 ms and forgets failures after a success', async () => {
    const at: number[] = [];
    const started = clock.now();
    const controller = start(async () => {
      at.push(clock.now() - started);
      if (at.length < 4) throw new Error('not yet');
    });
    controller.enqueue('a');
    await settle();
    await clock.advanceAsync(100, 1);
    assert.deepEqual(at, [0, 5, 15, 35]);
  });

  it('does not retry a TerminalError', async () => {
    let runs = 0;
    const controller = start(async () => {
      runs += 1;
      throw new TerminalError('for good');
    });
    controller.enqueue('a');
    await clock.advanceAsync(60_000, 10_000);
    assert.equal(runs, 1);
  });

  it('looks at a key again after requeueAfterMs', async () => {
    let runs = 0;
    start(async () => (++runs === 1 ? { requeueAfterMs: 2_000 } : undefined)).enqueue('a');
    await settle();
    await clock.advanceAsync(1_999, 1_999);
    assert.equal(runs, 1);
    await clock.advanceAsync(1);
    assert.equal(runs, 2);
  });

  it('keeps the earliest of several delays of a key', async () => {
    const at: number[] = [];
    const started = clock.now();
    const controller = start(async () => void at.push(clock.now() - started));
    controller.enqueueAfter('a', 50);
    controller.enqueueAfter('a', 10);
    controller.enqueueAfter('a', 30);
    await clock.advanceAsync(100, 5);
    assert.deepEqual(at, [10]);
  });

  it('finishes what it works on when it is stopped, and starts nothing more', async () => {
    let release: () => void = () => undefined;
    const seen: string[] = [];
    const controller = new Controller({
      name: 'test',
      clock,
      logger: silentLogger,
      concurrency: 1,
      reconcile: async (key) => {
        seen.push(key);
        await new Promise<void>((resolve) => (release = resolve));
      },
    });
    controller.enqueue('a');
    controller.enqueue('b');
    const stopped = controller.run(abort.signal);
    abort.abort();
    release();
    await stopped;
    assert.deepEqual(seen, ['a']);
  });
});
