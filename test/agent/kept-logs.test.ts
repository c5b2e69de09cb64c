/** Logs of removed pods on a real file system: what is kept, where, and what goes first. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { KeptLogs, type KeptLogsLimits } from '../../runtime/agent/pods/kept-logs.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger, type Logger } from '../../runtime/std/logger.ts';

const limits: KeptLogsLimits = {
  ageMsMax: 1_000,
  podsMax: 4,
  podsPerNamespaceMax: 3,
  bytesMax: 100,
};

describe('The logs of removed pods', () => {
  let home: string;
  let clock: FakeClock;
  let logs: KeptLogs;
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (message) => warnings.push(message) };
  const open = (): KeptLogs => new KeptLogs({ root: join(home, 'kept'), clock, logger, limits });
  const podRoot = (uid: string): string => join(home, 'pods', uid);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  /** A pod that printed `text` in its only attempt and is removed now. */
  const remove = (namespace: string, name: string, text: string, uid = `u-${name}`): void => {
    write(join(podRoot(uid), 'user/0.log'), text);
    logs.keep({ namespace, name, uid }, podRoot(uid));
    clock.advance(1);
  };
  const read = (namespace: string, name: string): string | undefined => {
    const pod = logs.find(namespace, name);
    if (!pod) return undefined;
    const attempt = logs.findAttempt(pod, 'user', false);
    return attempt === undefined
      ? undefined
      : readFileSync(logs.logPath(pod, 'user', attempt), 'utf8');
  };

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'knit-kept-'));
    clock = new FakeClock(Date.parse('2026-01-31T08:00:00Z'));
    warnings.length = 0;
    logs = open();
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('are found by namespace and name, and by nothing else', () => {
    remove('a', 'pod-1', 'hello\n');
    assert.equal(read('a', 'pod-1'), 'hello\n');
    assert.equal(read('b', 'pod-1'), undefined);
    assert.equal(read('a', 'pod'), undefined);
  });

  it('hold the last two attempts of each container, and nothing else of the pod', () => {
    const root = podRoot('u');
    for (const [file, text] of Object.entries({
      'user/0.log': 'first',
      'user/1.log': 'second',
      'user/1.log.1': 'rotated',
      'user/1.termination': 'last words',
      'user/1/config.json': '{}',
      'sidecar/0.log': 'other',
      'silent/0.log': '',
      'state.json': '{}',
    }))
      write(join(root, file), text);
    logs.keep({ namespace: 'a', name: 'p', uid: 'u' }, root);
    const pod = logs.find('a', 'p');
    assert.ok(pod);
    assert.deepEqual(logs.containersOf(pod), ['sidecar', 'user']);
    assert.equal(logs.findAttempt(pod, 'user', false), 1);
    assert.equal(logs.findAttempt(pod, 'user', true), 0);
    assert.equal(logs.findAttempt(pod, 'sidecar', true), undefined);
    assert.deepEqual(readdirSync(join(pod.path, 'user')).sort(), ['0.log', '1.log', '1.log.1']);
  });

  it('are not kept of a pod that printed nothing', () => {
    remove('a', 'silent', '');
    assert.equal(logs.find('a', 'silent'), undefined);
  });

  it('are those of the pod removed last where two had the same name', () => {
    remove('a', 'p', 'older\n', 'u1');
    remove('a', 'p', 'newer\n', 'u2');
    assert.equal(read('a', 'p'), 'newer\n');
  });

  it('outlive the process that kept them', () => {
    remove('a', 'p', 'hello\n', 'u1');
    remove('a', 'q', 'bye\n', 'u2');
    logs = open();
    assert.deepEqual([read('a', 'p'), read('a', 'q')], ['hello\n', 'bye\n']);
  });

  it('take in what a killed process had not moved yet', () => {
    write(join(podRoot('u'), 'user/0.log'), 'first');
    logs.keep({ namespace: 'a', name: 'p', uid: 'u' }, podRoot('u'));
    write(join(podRoot('u'), 'user/1.log'), 'second');
    logs = open();
    logs.keep({ namespace: 'a', name: 'p', uid: 'u' }, podRoot('u'));
    const pod = logs.find('a', 'p');
    assert.ok(pod);
    assert.equal(logs.findAttempt(pod, 'user', false), 1);
    assert.equal(logs.findAttempt(pod, 'user', true), 0);
  });

  it('go when they are older than the limit, at the next look and at the start', () => {
    remove('a', 'p', 'hello\n');
    clock.advance(limits.ageMsMax);
    assert.equal(read('a', 'p'), undefined);
    assert.deepEqual(readdirSync(join(home, 'kept')), []);
    remove('a', 'p', 'hello\n');
    clock.advance(limits.ageMsMax);
    logs = open();
    assert.deepEqual(readdirSync(join(home, 'kept')), []);
  });

  it('go, the oldest first, when a namespace has more pods than it may, or all have', () => {
    for (const name of ['p1', 'p2', 'p3', 'p4']) remove('a', name, name);
    assert.deepEqual(
      ['p1', 'p2', 'p3', 'p4'].map((name) => read('a', name)),
      [undefined, 'p2', 'p3', 'p4'],
    );
    remove('b', 'q1', 'q1');
    remove('b', 'q2', 'q2');
    assert.deepEqual(
      [read('a', 'p2'), read('a', 'p3'), read('b', 'q1'), read('b', 'q2')],
      [undefined, 'p3', 'q1', 'q2'],
    );
  });

  it('go, the oldest first, when they hold more bytes than they may', () => {
    remove('a', 'p1', 'x'.repeat(60));
    remove('a', 'p2', 'y'.repeat(30));
    remove('a', 'p3', 'z'.repeat(30));
    assert.deepEqual([read('a', 'p1'), read('a', 'p2')?.length], [undefined, 30]);
  });

  it('are dropped with a warning, and nothing thrown, where they cannot be moved', () => {
    writeFileSync(join(home, 'kept'), 'a file where the directory should be');
    remove('a', 'p', 'hello\n');
    assert.deepEqual(warnings, ['the log of a removed pod could not be kept']);
    assert.equal(logs.find('a', 'p'), undefined);
  });
});
