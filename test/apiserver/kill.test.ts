/**
 * A server process killed again and again while clients write to it over HTTP. What the clients
 * know for sure is kept in a model of each object; what was under way may have either outcome.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, Agent, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KILLS = 200;
const WRITERS = 6;
const OBJECTS_PER_WRITER = 3;
/** Acknowledged writes before a kill; each round is killed at another point of its life. */
const writesBeforeKill = (round: number): number => 5 + ((round * 7) % 40);
/** An upper bound for a machine that does a lot else. */
const PATIENCE_MS = 30_000;

const child = fileURLToPath(
  new URL(`./serve-until-killed${extname(import.meta.url)}`, import.meta.url),
);
/** The child is TypeScript when this test is. */
const loader = extname(import.meta.url) === '.ts' ? ['--import=tsx'] : [];
const collection = '/api/v1/namespaces/default/configmaps';

/** What one object may be: undefined for "not there". More than one entry: an answer never came. */
type Possible = readonly (string | undefined)[];

interface Answer {
  readonly status: number;
  readonly body: any;
}

describe('API server process killed with SIGKILL', () => {
  let directory: string;
  let socketPath: string;
  let waiting: ChildProcess;
  const model = new Map<string, Possible>();
  /** The highest resourceVersion that any client has seen in any way. */
  let highestVersion = 0;

  const spawnServer = (): ChildProcess =>
    spawn(process.execPath, [...loader, child, join(directory, 'data'), socketPath], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-kill-'));
    socketPath = join(directory, 'api.sock');
    waiting = spawnServer();
  });
  after(async () => {
    waiting.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  it(`loses no acknowledged write, never lets resourceVersions go back, and resumes watches or answers 410, ${KILLS} times in a row`, async function () {
    this.timeout(KILLS * PATIENCE_MS);
    let resumeFrom = 0;
    for (let round = 0; round < KILLS; round++) {
      const server = waiting;
      const ready = once(server.stdout!, 'data', { signal: AbortSignal.timeout(PATIENCE_MS) });
      server.stdin!.write('go\n');
      await ready;
      waiting = spawnServer();
      const agent = new Agent({ keepAlive: true, maxSockets: WRITERS + 1 });
      const version = await checkState(agent);
      const watched = await watchFrom(resumeFrom, version);
      const exited = once(server, 'close');
      let left = writesBeforeKill(round);
      const kill = (): void => {
        if (--left === 0) server.kill('SIGKILL');
      };
      await Promise.all(
        Array.from({ length: WRITERS }, (_, writer) =>
          writeUntilKilled(agent, writer, round, kill),
        ),
      );
      await exited;
      agent.destroy();
      resumeFrom = await watched.end();
    }
    assert.ok(highestVersion > KILLS);
  });

  /** Compares everything with the model; afterwards every object's state is known. */
  async function checkState(agent: Agent): Promise<number> {
    const { body } = await send(agent, 'GET', collection);
    const version = Number(body.metadata.resourceVersion);
    assert.ok(version >= highestVersion, `resourceVersion ${version} after ${highestVersion}`);
    highestVersion = version;
    const found = new Map<string, string>();
    for (const { metadata, data } of body.items) {
      found.set(metadata.name, data.value);
      assert.ok(Number(metadata.resourceVersion) <= version);
    }
    for (const [name, possible] of model) {
      const value = found.get(name);
      assert.ok(
        possible.includes(value),
        `${name} is ${value}, and was ${possible.join(' or ')} for its writer`,
      );
      model.set(name, [value]);
      found.delete(name);
    }
    found.delete('kube-root-ca.crt');
    assert.deepEqual([...found.keys()], [], 'objects that nobody wrote');
    return version;
  }

  /** Watches from a version of an earlier life; refused with 410 it watches from the present. */
  async function watchFrom(
    resume: number,
    present: number,
  ): Promise<{ end: () => Promise<number> }> {
    let last = present;
    if (resume > 0) {
      const first = await openWatch(resume);
      if (first.isExpired) assert.ok(resume < present);
      else return { end: first.end };
    }
    const watch = await openWatch(present);
    assert.equal(watch.isExpired, false);
    return {
      end: async () => {
        last = Math.max(last, await watch.end());
        return last;
      },
    };
  }

  async function openWatch(
    from: number,
  ): Promise<{ isExpired: boolean; end: () => Promise<number> }> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const path = `${collection}?watch=true&resourceVersion=${from}`;
      httpRequest({ socketPath, path, agent: false }, resolve).on('error', reject).end();
    });
    assert.equal(response.statusCode, 200);
    let text = '';
    let last = from;
    let isExpired = false;
    const read = (line: string): void => {
      const { type, object } = JSON.parse(line);
      if (type === 'ERROR') {
        assert.equal(object.code, 410);
        isExpired = true;
        return;
      }
      const version = Number(object.metadata.resourceVersion);
      assert.ok(version > last, `an event of ${version} after ${last}`);
      last = version;
      highestVersion = Math.max(highestVersion, version);
    };
    response.on('data', (chunk: Buffer) => {
      const lines = (text + chunk.toString()).split('\n');
      text = lines.pop() ?? '';
      lines.forEach(read);
    });
    // The kill cuts the stream; that is its ordinary end here.
    response.on('error', () => {});
    const closed = new Promise<void>((resolve) => response.on('close', resolve));
    // A refusal is the first event and ends the stream; a watch that goes on says nothing at first.
    await Promise.race([closed, send(undefined, 'GET', '/api/v1/namespaces/default')]);
    if (response.closed && !isExpired) assert.fail('a watch ended by itself');
    return {
      isExpired: response.closed && isExpired,
      end: async () => {
        await closed;
        return last;
      },
    };
  }

  async function writeUntilKilled(
    agent: Agent,
    writer: number,
    round: number,
    onAcknowledged: () => void,
  ): Promise<void> {
    for (let i = 0; ; i++) {
      const name = `w${writer}-${i % OBJECTS_PER_WRITER}`;
      const [known] = model.get(name) ?? [undefined];
      const isDelete = known !== undefined && i % 5 === 4;
      const value = isDelete ? undefined : `${round}-${i}`;
      model.set(name, [known, value]);
      const path = `${collection}/${name}`;
      const body = { metadata: { name }, data: { value } };
      let answer: Answer;
      try {
        if (isDelete) answer = await send(agent, 'DELETE', path);
        else if (known === undefined) answer = await send(agent, 'POST', collection, body);
        else answer = await send(agent, 'PUT', path, body);
      } catch {
        return;
      }
      assert.ok(answer.status < 300, JSON.stringify(answer.body));
      const version = Number(answer.body.metadata.resourceVersion ?? 0);
      highestVersion = Math.max(highestVersion, version);
      model.set(name, [value]);
      onAcknowledged();
    }
  }

  /** Rejects when the connection ends before the whole answer is there. */
  function send(
    agent: Agent | undefined,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const options = { socketPath, path, method, agent, headers };
      const request = httpRequest(options, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          if (!response.complete) return reject(new Error('cut'));
          return resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) });
        });
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
});
