/** The agent with plain processes: a real function bundle, adoption, and an end without leftovers. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import type { Agent } from '../../runtime/agent/start-agent.ts';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';
import { hostPortAnnotation } from '../../runtime/apis/knit.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import {
  eventually,
  isReady,
  makeDeployment,
  podsOf,
  scale,
  startTestMachine,
  type TestMachine,
  startNode,
} from './test-machine.ts';

const DIGEST = 'ab'.repeat(32);
const SERVER = `
  import { createServer } from 'node:http';
  const { pid, env } = process;
  createServer((request, response) => {
    response.end(JSON.stringify({ pid, task: env.LAMBDA_TASK_ROOT, secret: env.KNIT_TEST_SECRET }));
  }).listen(Number(env.PORT), env.HOST);
`;

describe('the agent with processes', function () {
  this.timeout(30_000);
  let machine: TestMachine;
  let agent: Agent;
  let abort: () => void;

  const start = async (): Promise<void> => {
    const made = machine.makeContext();
    abort = made.abort;
    agent = await startNode(made.context, {
      home: machine.home,
      driver: 'process',
      nodeName: 'node-a',
      imageStoreRoot: `${machine.home}/containers`,
      bundlesRoot: `${machine.home}/bundles`,
      functionsRoot: `${machine.home}/functions`,
    });
  };
  const readyPod = (): Promise<Pod> =>
    eventually('a ready pod', async () => (await podsOf(machine.client, 'fn')).find(isReady));
  const ask = async (pod: Pod): Promise<Record<string, unknown>> => {
    const port = pod.metadata.annotations?.[hostPortAnnotation];
    return (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as Record<string, unknown>;
  };

  before(async () => {
    process.env['KNIT_TEST_SECRET'] = 'of the agent';
    machine = await startTestMachine();
    const bundle = join(machine.home, 'bundles', DIGEST);
    mkdirSync(join(bundle, 'root/var/task'), { recursive: true });
    mkdirSync(join(machine.home, 'bundles/refs'), { recursive: true });
    mkdirSync(join(machine.home, 'functions/node'), { recursive: true });
    writeFileSync(join(machine.home, 'functions/node/server.mjs'), SERVER);
    writeFileSync(
      join(bundle, 'config.json'),
      JSON.stringify({ Entrypoint: ['node', '/var/runtime/node/server.mjs'] }),
    );
    const reference = encodeURIComponent('knit.local/fn:one');
    writeFileSync(join(machine.home, 'bundles/refs', reference), DIGEST);
    await start();
    await machine.client.create(
      deploymentKind,
      makeDeployment('fn', { image: 'knit.local/fn:one' }),
    );
  });

  after(async () => {
    delete process.env['KNIT_TEST_SECRET'];
    await agent?.close({ stopPods: true });
    abort?.();
    await cleanupAgent({ home: machine.home, clock: systemClock, logger: silentLogger });
    await machine?.close();
  });

  it('serves on the loopback port of the annotation, with the code at its real path', async () => {
    const answer = await ask(await readyPod());
    assert.equal(answer['task'], `${machine.home}/bundles/${DIGEST}/root/var/task`);
  });

  it("does not hand the agent's own environment to functions", async () => {
    assert.equal((await ask(await readyPod()))['secret'], undefined);
  });

  it('lives on when the agent goes, and is adopted by the next', async () => {
    const { pid } = await ask(await readyPod());
    await agent.close();
    abort();
    await start();
    const pod = await readyPod();
    assert.equal((await ask(pod))['pid'], pid);
    assert.equal((await podsOf(machine.client, 'fn')).length, 1);
  });

  it('is started again when an adopted process dies', async () => {
    const { pid } = await ask(await readyPod());
    process.kill(Number(pid), 'SIGKILL');
    await eventually('a restart', async () => {
      const [pod] = await podsOf(machine.client, 'fn');
      return pod && isReady(pod) && pod.status?.containerStatuses?.[0]?.restartCount === 1;
    });
    assert.notEqual((await ask(await readyPod()))['pid'], pid);
  });

  it('ends with its pod', async () => {
    const { pid } = await ask(await readyPod());
    await scale(machine.client, 'fn', 0);
    await eventually('no pods', async () => (await podsOf(machine.client, 'fn')).length === 0);
    assert.throws(() => process.kill(Number(pid), 0), /ESRCH/);
  });

  it('says that container images need buildah and crun', async () => {
    await machine.client.create(deploymentKind, makeDeployment('plain', { image: 'redis:7' }));
    const waiting = await eventually('a waiting reason', async () => {
      const [pod] = await podsOf(machine.client, 'plain');
      return pod?.status?.containerStatuses?.[0]?.state?.waiting;
    });
    assert.match(waiting.message ?? '', /install buildah and crun/);
  });
});
