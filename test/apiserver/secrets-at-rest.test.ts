import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeyFile } from '../../runtime/apiserver/store/key-file.ts';
import { openLmdbJournal } from '../../runtime/apiserver/store/lmdb-journal.ts';
import { makeRecordCipher } from '../../runtime/apiserver/store/record-cipher.ts';
import { startApiServer, type ApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { testDefinitions } from './api-harness.ts';

const path = '/api/v1/namespaces/default/secrets';
const recordKey = '/secrets\tdefault\ts';
const plainText = 'correct horse battery staple';
const encoded = Buffer.from(plainText).toString('base64');

describe('Secrets at rest', () => {
  let directory: string;
  let dataDir: string;
  let keyFile: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-secrets-'));
    dataDir = join(directory, 'data');
    keyFile = join(directory, 'secrets.key');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const start = (): Promise<ApiServer> =>
    startApiServer({
      dataDir,
      secretsKeyFile: keyFile,
      definitions: testDefinitions,
      clock: systemClock,
      logger: silentLogger,
    });
  const createSecret = async (): Promise<void> => {
    const server = await start();
    const body = { metadata: { name: 's' }, data: { password: encoded } };
    const { status } = await server.transport.request({ method: 'POST', path, body });
    assert.equal(status, 201);
    await server.close();
  };
  const readSecret = async (): Promise<unknown> => {
    const server = await start();
    const { body } = await server.transport.request({ method: 'GET', path: `${path}/s` });
    await server.close();
    return (body as { data: { password: string } }).data.password;
  };
  const readRecord = async (): Promise<string | undefined> => {
    const journal = openLmdbJournal(dataDir);
    const record = new Map(journal.load()).get(recordKey);
    await journal.close();
    return record;
  };

  it('are in the data file neither as text nor in base64, and come back after a restart', async () => {
    await createSecret();
    const bytes = await readFile(join(dataDir, 'objects.mdb'));
    assert.equal(bytes.includes(encoded), false);
    assert.equal(bytes.includes(plainText), false);
    assert.match((await readRecord()) ?? '', /^aes-256-gcm:k[0-9a-f]{8}:/);
    assert.equal(await readSecret(), encoded);
  });

  it('have their key in a file of mode 0600', async () => {
    await createSecret();
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600);
  });

  it('are encrypted at the start of a home that has them in plain text', async () => {
    await createSecret();
    const journal = openLmdbJournal(dataDir);
    const record = new Map(journal.load()).get(recordKey) ?? '';
    const { keys } = openKeyFile(keyFile);
    const { text } = makeRecordCipher(keys, keyFile).open(recordKey, record);
    await journal.commit(new Map([[recordKey, text]]));
    await journal.close();
    assert.ok((await readRecord())?.startsWith('{'));
    assert.equal(await readSecret(), encoded);
    assert.match((await readRecord()) ?? '', /^aes-256-gcm:/);
  });

  it('move to a new key that is put on top of the file, after which the old one may go', async () => {
    await createSecret();
    const old = await readFile(keyFile, 'utf8');
    const fresh = `new ${Buffer.alloc(32, 7).toString('base64')}\n`;
    await writeFile(keyFile, `# rotated\n${fresh}${old}`);
    assert.equal(await readSecret(), encoded);
    assert.match((await readRecord()) ?? '', /^aes-256-gcm:new:/);
    await writeFile(keyFile, fresh);
    assert.equal(await readSecret(), encoded);
  });

  it('keep a server from starting without their key, and say which file to restore', async () => {
    await createSecret();
    await rm(keyFile);
    await assert.rejects(
      start(),
      /encrypted with the key "k[0-9a-f]{8}", which .*secrets\.key does not hold; restore that file/,
    );
    await assert.rejects(stat(keyFile), { code: 'ENOENT' });
  });

  it('keep a server from starting when a record was changed or moved', async () => {
    await createSecret();
    const record = (await readRecord()) ?? '';
    const damaged = `${record.slice(0, -8)}AAAAAAA=`;
    for (const [key, value] of [
      [recordKey, damaged],
      ['/secrets\tdefault\tother', record],
    ] as const) {
      const journal = openLmdbJournal(dataDir);
      await journal.commit(new Map([[key, value]]));
      await journal.close();
      await assert.rejects(start(), /was changed; restore both from one copy/);
    }
  });

  it('refuse a key file with a line that is no key', () =>
    writeFile(keyFile, 'k1 c2hvcnQ=\n').then(() =>
      assert.throws(() => openKeyFile(keyFile), /line 1: not a key/),
    ));
});
