/** What is known of a container after it ended: its last words and its logs. Real containers. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import {
  makeTerminationFile,
  readTerminationMessage,
} from '../../runtime/agent/pods/termination-message.ts';
import type { Agent } from '../../runtime/agent/start-agent.ts';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import type { Container, Pod } from '../../runtime/apis/core/types.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { buildTestImage, removeTestImage, TEST_IMAGE } from './test-image.ts';
import {
  eventually,
  isReady,
  makeDeployment,
  podsOf,
  startTestMachine,
  type TestMachine,
  startNode,
} from './test-machine.ts';

const BRIDGE = { name: 'knite', cidr: '10.91.8.0/24' };

describe('the last words of a container', () => {
  let directory: string;
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'knit-words-'))));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const read = (options: {
    file?: string;
    log?: string;
    policy?: string;
    exitCode?: number;
    message?: string;
  }): string | undefined => {
    const terminationPath = join(directory, 'pod/0.termination');
    const logPath = join(directory, 'pod/0.log');
    makeTerminationFile(terminationPath);
    writeFileSync(terminationPath, options.file ?? '');
    if (options.log !== undefined) writeFileSync(logPath, options.log);
    return readTerminationMessage({
      container: { terminationMessagePolicy: options.policy ?? 'File' },
      exit: {
        exitCode: options.exitCode ?? 1,
        reason: 'Error',
        ...(options.message === undefined ? {} : { message: options.message }),
      },
      terminationPath,
      logPath,
    });
  };

  it("are its file's last 4096 bytes, in whole characters", () => {
    assert.equal(read({ file: 'no database', log: 'noise' }), 'no database');
    assert.equal(read({ file: `a${'ä'.repeat(2048)}` })?.length, 2048);
    assert.equal(read({ file: `${'ä'.repeat(2048)}a` }), `${'ä'.repeat(2047)}a`);
  });

  it('follow what the runtime said', () => {
    assert.equal(read({ message: 'killed', file: 'halfway' }), 'killed: halfway');
    assert.equal(read({ message: 'killed' }), 'killed');
  });

  it('are the end of the log only where that is asked for, it failed and left nothing else', () => {
    const log = 'one\ntwo\n';
    const policy = 'FallbackToLogsOnError';
    assert.equal(read({ log }), undefined);
    assert.equal(read({ log, policy, exitCode: 0 }), undefined);
    assert.equal(read({ log, policy, file: 'mine' }), 'mine');
    assert.equal(read({ log, policy }), log);
  });

  it('have at most 80 lines and 2048 bytes of the log, and may have none', () => {
    const policy = 'FallbackToLogsOnError';
    const lines = Array.from({ length: 100 }, (_one, index) => `line ${index}`);
    assert.equal(read({ policy, log: `${lines.join('\n')}\n` }), `${lines.slice(20).join('\n')}\n`);
    assert.equal(read({ policy, log: 'x'.repeat(5000) })?.length, 2048);
    rmSync(join(directory, 'pod/0.log'));
    assert.equal(read({ policy }), undefined);
  });
});

describe('a container that ends', function () {
  this.timeout(60_000);
  let images: string;
  let machine: TestMachine;
  let agent: Agent;
  let abort: () => void;

  const start = async (): Promise<void> => {
    const made = machine.makeContext();
    abort = made.abort;
    agent = await startNode(made.context, {
      home: machine.home,
      driver: 'oci',
      nodeName: 'node-a',
      bridge: BRIDGE,
      imageStoreRoot: images,
      bundlesRoot: `${machine.home}/bundles`,
      functionsRoot: `${machine.home}/functions`,
    });
  };
  /** A container that runs this script as its whole life. */
  const deploy = async (
    app: string,
    script: string,
    rest: Partial<Container> = {},
  ): Promise<void> => {
    const command = ['/bin/sh', '-c', script];
    const deployment = makeDeployment(app, { image: TEST_IMAGE, command, ...rest });
    delete deployment.spec.template.spec.containers[0]?.readinessProbe;
    await machine.client.create(deploymentKind, deployment);
  };
  const waiting = (app: string): Promise<Pod> =>
    eventually(`a back-off of ${app}`, async () => {
      const [pod] = await podsOf(machine.client, app);
      const state = pod?.status?.containerStatuses?.[0]?.state;
      return state?.waiting?.reason === 'CrashLoopBackOff' && pod;
    });
  const readLog = async (pod: Pod, previous = false): Promise<string> => {
    const chunks: Uint8Array[] = [];
    const request = { namespace: 'default', pod: pod.metadata.name, follow: false, previous };
    for await (const chunk of agent.readPodLog(request)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };

  before(async () => {
    images = buildTestImage();
    machine = await startTestMachine();
    await start();
  });
  after(async () => {
    await agent?.close();
    abort?.();
    const { home } = machine;
    await cleanupAgent({ home, bridge: BRIDGE, clock: systemClock, logger: silentLogger });
    await machine?.close();
    if (images) removeTestImage(images);
  });

  it('shows what it wrote to its termination log, as any user', async () => {
    await deploy(
      'words',
      'echo noise; echo "no such table: orders" > /dev/termination-log; exit 4',
    );
    const pod = await waiting('words');
    const ended = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
    assert.deepEqual([ended?.exitCode, ended?.message], [4, 'no such table: orders\n']);
  });

  it('may name another path for it, also on a read-only root', async () => {
    await deploy('elsewhere', 'echo bye > /tmp/last; exit 5', {
      terminationMessagePath: '/tmp/last',
      securityContext: { readOnlyRootFilesystem: true },
    });
    const pod = await waiting('elsewhere');
    assert.equal(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.message, 'bye\n');
  });

  it('shows the end of its log where its policy says so', async () => {
    await deploy('fallback', 'echo "TypeError: boom"; exit 1', {
      terminationMessagePolicy: 'FallbackToLogsOnError',
    });
    const pod = await waiting('fallback');
    assert.equal(
      pod.status?.containerStatuses?.[0]?.lastState?.terminated?.message,
      'TypeError: boom\n',
    );
  });

  it('keeps the log of its last attempt while the next one waits, and after a restart of the agent', async () => {
    const [pod] = await podsOf(machine.client, 'fallback');
    assert.ok(pod);
    assert.equal(await readLog(pod), 'TypeError: boom\n');
    assert.equal(await readLog(pod, true), 'TypeError: boom\n');
    await agent.close();
    abort();
    await start();
    await eventually('the log', async () => (await readLog(pod)) === 'TypeError: boom\n');
  });

  it('keeps the log of the attempt before, and nothing else of it', async () => {
    await machine.client.create(deploymentKind, makeDeployment('twice', { image: TEST_IMAGE }));
    const ready = (restarts: number): Promise<Pod> =>
      eventually(`a ready pod after ${restarts} restarts`, async () => {
        const [pod] = await podsOf(machine.client, 'twice');
        const status = pod?.status?.containerStatuses?.[0];
        return pod && isReady(pod) && status?.restartCount === restarts && pod;
      });
    const first = await ready(0);
    await assert.rejects(async () => readLog(first, true), /previous terminated container "user"/);
    await fetch(`http://${first.status?.podIP}:8080/exit/3`).catch(() => {});
    const second = await ready(1);
    assert.equal(await readLog(second), 'listening soon\n');
    assert.equal(await readLog(second, true), 'listening soon\n');
    const directory = `${machine.home}/pods/${second.metadata.uid}/user`;
    await eventually('the rest to be removed', async () => {
      const left = readdirSync(directory).sort().join(' ');
      return left === '0.log 1 1.log 1.termination';
    });
  });
});
