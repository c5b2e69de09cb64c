import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError } from '../../runtime/cli/command-error.ts';
import { askSupervisor, serveControl } from '../../runtime/cli/supervisor/control-socket.ts';
import { choosePorts } from '../../runtime/cli/supervisor/ports.ts';
import { RotatingLog } from '../../runtime/cli/supervisor/rotating-log.ts';

describe('The parts of the supervisor', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'knit-cli-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  describe('its ports', () => {
    const wanted = { gateway: 0, api: 0, listen: '127.0.0.1' };

    it('are chosen once and kept for the next start', async () => {
      const file = join(folder, 'ports.json');
      const first = await choosePorts(file, wanted);
      assert.deepEqual(await choosePorts(file, wanted), first);
      assert.equal(new Set(Object.values(first)).size, 4);
      assert.equal(statSync(file).mode & 0o777, 0o600);
    });

    it('are chosen anew where another program has taken one meanwhile', async () => {
      const file = join(folder, 'ports.json');
      const first = await choosePorts(file, wanted);
      const other = createServer();
      await new Promise<void>((resolve) => other.listen(first.broker, '127.0.0.1', resolve));
      const second = await choosePorts(file, wanted);
      other.close();
      assert.notEqual(second.broker, first.broker);
      assert.equal(second.api, first.api);
    });

    it('end in one message with the remedy when the user named a port that is taken', async () => {
      const other = createServer();
      const port = await new Promise<number>((resolve) => {
        other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
      });
      await assert.rejects(
        choosePorts(join(folder, 'ports.json'), { ...wanted, gateway: port }),
        (error) =>
          error instanceof CommandError &&
          error.message.includes(`port ${port}`) &&
          error.message.includes('knit up --gateway-port 0'),
      );
      other.close();
    });
  });

  describe('its socket', () => {
    it('answers requests, and tells that nobody is there when nobody is', async () => {
      const path = join(folder, 's.sock');
      assert.equal(await askSupervisor(path, { type: 'status' }), undefined);
      const server = await serveControl(path, async (request) => ({ got: request.type }));
      assert.deepEqual(await askSupervisor(path, { type: 'status' }), { got: 'status' });
      server.close();
    });

    it('lets one supervisor of a home live, not two', async () => {
      const path = join(folder, 's.sock');
      const server = await serveControl(path, async () => ({}));
      await assert.rejects(
        serveControl(path, async () => ({})),
        /another knit runtime/,
      );
      server.close();
    });

    it('takes over what a killed supervisor left behind', async () => {
      const path = join(folder, 's.sock');
      writeFileSync(path, '');
      const server = await serveControl(path, async () => ({ ok: true }));
      assert.deepEqual(await askSupervisor(path, { type: 'status' }), { ok: true });
      server.close();
    });
  });

  describe('its logs', () => {
    it('are turned over at 10 MiB, and one old file is kept', () => {
      const log = new RotatingLog(join(folder, 'logs/a.log'));
      const chunk = Buffer.alloc(4 * 1024 * 1024, 'x');
      for (let i = 0; i < 6; i++) log.write(chunk);
      log.write(Buffer.from('last words'));
      log.close();
      assert.ok(statSync(log.path).size <= 10 * 1024 * 1024);
      assert.ok(statSync(`${log.path}.1`).size <= 10 * 1024 * 1024);
      assert.ok(readFileSync(log.path, 'utf8').endsWith('last words'));
    });
  });
});
