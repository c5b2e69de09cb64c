import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../../runtime/cli/supervisor/child.ts';
import { RotatingLog } from '../../runtime/cli/supervisor/rotating-log.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

describe('A child of the supervisor', () => {
  let folder: string;
  let child: Child | undefined;
  let log: RotatingLog;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'knit-child-'));
    log = new RotatingLog(join(folder, 'child.log'));
  });
  afterEach(async () => {
    await child?.stop({ stopPods: false });
    log.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** @param script runs with `starts`, how often it has been started, itself included. */
  function start(script: string): Child {
    const entry = join(folder, 'entry.mjs');
    const counter = join(folder, 'starts');
    writeFileSync(
      entry,
      `import { appendFileSync, readFileSync } from 'node:fs';
       appendFileSync(${JSON.stringify(counter)}, 'x');
       const starts = readFileSync(${JSON.stringify(counter)}, 'utf8').length;
       process.on('message', () => process.exit(0));
       ${script}`,
    );
    const options = {
      home: folder,
      listen: '127.0.0.1',
      gatewayPort: 0,
      gatewayTlsPort: 0,
      gatewayInternalPort: 0,
      apiPort: 0,
      brokerPort: 0,
      driver: 'process',
    } as const;
    child = new Child(
      { name: 'broker', entry, execArgv: [] },
      { options, clock: systemClock, logger: silentLogger, log, onMessage: () => undefined },
    );
    child.start();
    return child;
  }

  it('ends the start with its own message when it says that it failed', async () => {
    const { ready } = start(`process.send({ type: 'failed', message: 'port 1 is taken' });`);
    await assert.rejects(ready, { message: 'port 1 is taken' });
  });

  it('ends the start when it dies three times without a word', async () => {
    const { ready } = start(`process.exit(7);`);
    await assert.rejects(ready, /broker ended with code 7 before it was ready, 3 times/);
    assert.equal(readFileSync(join(folder, 'starts'), 'utf8').length, 3);
  });

  it('is ready when a second try gets there', async () => {
    const { ready } = start(`
      if (starts === 1) process.exit(1);
      process.send({ type: 'ready', info: { apiUrl: 'https://a' } });`);
    assert.deepEqual(await ready, { apiUrl: 'https://a' });
  });
});
