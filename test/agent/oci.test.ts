/** The agent with real containers, network namespaces and control groups. Needs root, buildah, crun, iproute2. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

import { makeAgentPaths } from '../../runtime/agent/agent-paths.ts';
import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import { detectDriver } from '../../runtime/agent/detect-driver.ts';
import { listCgroups, parseCgroupLayout } from '../../runtime/agent/oci/cgroups.ts';
import type { Agent } from '../../runtime/agent/start-agent.ts';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import {
  type Pod,
  persistentVolumeClaimKind,
  podKind,
  secretKind,
} from '../../runtime/apis/core/types.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { buildTestImage, removeTestImage, TEST_IMAGE } from './test-image.ts';
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

const BRIDGE = { name: 'knitt', cidr: '10.91.7.0/24' };

describe('the agent with containers', function () {
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
  const readyPod = (app: string, timeoutMs?: number): Promise<Pod> =>
    eventually(
      `a ready pod of ${app}`,
      async () => (await podsOf(machine.client, app)).find(isReady),
      timeoutMs,
    );
  const ask = async (pod: Pod, path: string): Promise<unknown> => {
    const response = await fetch(`http://${pod.status?.podIP}:8080/${path}`);
    return response.json();
  };

  before(async () => {
    const detected = await detectDriver();
    assert.equal(detected.driver, 'oci', detected.reason);
    images = buildTestImage();
    machine = await startTestMachine();
    await start();
  });

  after(async () => {
    await agent?.close();
    abort?.();
    await cleanupAgent({
      home: machine.home,
      bridge: BRIDGE,
      clock: systemClock,
      logger: silentLogger,
    });
    await machine?.close();
    if (images) removeTestImage(images);
  });

  describe('a pod of a Deployment', () => {
    let pod: Pod;
    before(async () => {
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'keys', namespace: 'default' },
        data: { token: Buffer.from('s3cret').toString('base64') },
      };
      await machine.client.create(secretKind, secret);
      await machine.client.create(persistentVolumeClaimKind, {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', namespace: 'default' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      const valueFrom = { secretKeyRef: { name: 'keys', key: 'token' } };
      await machine.client.create(
        deploymentKind,
        makeDeployment(
          'hello',
          {
            image: TEST_IMAGE,
            env: [
              { name: 'TOKEN', valueFrom },
              { name: 'GREETING', value: 'hello $(TOKEN)' },
            ],
            resources: { limits: { memory: '256Mi', cpu: '1500m' } },
            volumeMounts: [
              { name: 'keys', mountPath: '/keys', readOnly: true },
              { name: 'data', mountPath: '/data' },
            ],
          },
          {
            volumes: [
              { name: 'keys', secret: { secretName: 'keys' } },
              { name: 'data', persistentVolumeClaim: { claimName: 'data' } },
            ],
          },
        ),
      );
      pod = await readyPod('hello').catch(async (error: unknown) => {
        const [found] = await podsOf(machine.client, 'hello');
        throw new Error(JSON.stringify(found?.status), { cause: error });
      });
    });

    it("answers on its own address, as the image's user, under the pod's name", async () => {
      const { pid, uid, hostname } = (await ask(pod, '')) as Record<string, unknown>;
      assert.deepEqual({ pid, uid, hostname }, { pid: 1, uid: 1234, hostname: pod.metadata.name });
    });

    it('has its environment from the image, the spec and Secrets', async () => {
      assert.equal(await ask(pod, 'env/FROM_IMAGE'), 'yes');
      assert.equal(await ask(pod, 'env/GREETING'), 'hello s3cret');
    });

    it('sees files of Secrets, and may write to claims and /tmp but not to Secrets', async () => {
      assert.equal(await ask(pod, 'read//keys/token'), 's3cret');
      assert.equal(await ask(pod, 'write//data/file'), null);
      assert.equal(await ask(pod, 'write//tmp/file'), null);
      assert.equal(await ask(pod, 'write//keys/file'), 'EROFS');
    });

    it('has no privileges, no capabilities, and a filter for system calls', async () => {
      const status = String(await ask(pod, 'read//proc/self/status'));
      assert.match(status, /^CapEff:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
      assert.match(status, /^Seccomp:\t2$/m);
      assert.equal(await ask(pod, 'write//proc/sys/kernel/hostname'), 'EROFS');
      assert.ok(!((await ask(pod, 'list//dev')) as string[]).includes('console'));
    });

    it('finds its memory limit in the cgroup files', async () => {
      const files = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];
      const values = await Promise.all(files.map((file) => ask(pod, `read/${file}`)));
      assert.ok(values.includes(`${256 * 2 ** 20}\n`), JSON.stringify(values));
    });

    it('resolves the gateway and the broker to the bridge, and unknown Services to nothing', async () => {
      for (const name of [
        'knit-gateway.knative-serving.svc.cluster.local',
        'broker-ingress.knative-eventing',
      ])
        await eventually(name, async () => (await ask(pod, `lookup/${name}`)) === '10.91.7.1');
      assert.equal(await ask(pod, 'lookup/missing.default.svc.cluster.local'), 'ENOTFOUND');
    });

    it('is reached at hardware addresses that stay, whichever pods come and go', () => {
      const show = ['-j', 'link', 'show', 'dev', BRIDGE.name];
      const [link] = JSON.parse(execFileSync('ip', show, { encoding: 'utf8' })) as {
        address: string;
      }[];
      assert.equal(link?.address, '0a:58:0a:5b:07:01');
    });

    it('reports what kubelet would report', () => {
      assert.equal(pod.status?.phase, 'Running');
      const [container] = pod.status?.containerStatuses ?? [];
      assert.equal(container?.ready, true);
      assert.equal(container?.restartCount, 0);
      assert.match(container?.imageID ?? '', /^knit\.local\/agent-test@sha256:[0-9a-f]{64}$/);
      assert.match(pod.status?.podIP ?? '', /^10\.91\.7\.\d+$/);
      assert.equal(pod.spec.nodeName, 'node-a');
    });

    it('has a log that can be read', async () => {
      const chunks: Uint8Array[] = [];
      const request = { namespace: 'default', pod: pod.metadata.name, follow: false };
      for await (const chunk of agent.readPodLog(request)) chunks.push(chunk);
      assert.equal(Buffer.concat(chunks).toString(), 'listening soon\n');
    });

    it('makes its Deployment available', async () => {
      const ref = { namespace: 'default', name: 'hello' };
      const status = await eventually('availability', async () => {
        const found = (await machine.client.get(deploymentKind, ref))?.status;
        return found?.availableReplicas === 1 && found;
      });
      const conditions = status.conditions?.map(({ type, status: is, reason }) => [
        type,
        is,
        reason,
      ]);
      assert.deepEqual(conditions, [
        ['Available', 'True', 'MinimumReplicasAvailable'],
        ['Progressing', 'True', 'NewReplicaSetAvailable'],
      ]);
    });

    it('is restarted at once when it crashes, and counted', async () => {
      await ask(pod, 'exit/3').catch(() => {});
      const restarted = await eventually('a restart', async () => {
        const [now] = await podsOf(machine.client, 'hello');
        return now && isReady(now) && now.status?.containerStatuses?.[0]?.restartCount === 1 && now;
      });
      const last = restarted.status?.containerStatuses?.[0]?.lastState?.terminated;
      assert.deepEqual([last?.exitCode, last?.reason], [3, 'Error']);
    });

    it('lives on when the agent goes, and is adopted by the next', async () => {
      const pid = containerProcess(machine.home, pod);
      await agent.close();
      abort();
      assert.equal(containerProcess(machine.home, pod), pid);
      await start();
      const adopted = await readyPod('hello');
      assert.equal(adopted.metadata.uid, pod.metadata.uid);
      assert.equal(adopted.status?.containerStatuses?.[0]?.restartCount, 1);
      assert.equal(containerProcess(machine.home, pod), pid);
    });

    it('is replaced without a gap when the template changes', async () => {
      const body = { spec: { template: { metadata: { annotations: { version: 'two' } } } } };
      const ref = { namespace: 'default', name: 'hello' };
      let gaps = 0;
      await machine.client.patch(deploymentKind, ref, { type: 'merge', body });
      await eventually('the new pod alone', async () => {
        const pods = await podsOf(machine.client, 'hello');
        if (!pods.some((one) => isReady(one) && !one.metadata.deletionTimestamp)) gaps++;
        return pods.length === 1 && pods[0]?.metadata.uid !== pod.metadata.uid;
      });
      assert.equal(gaps, 0);
    });

    it('leaves nothing behind when scaled to zero', async () => {
      await scale(machine.client, 'hello', 0);
      await eventually('no pods', async () => (await podsOf(machine.client, 'hello')).length === 0);
      assert.deepEqual(readdirSync(`${machine.home}/pods`), []);
      const launchers = readdirSync(`${machine.home}/run/launchers`);
      const left = groups(machine.home).map((path) => basename(path));
      // What is left is what was made ahead for the image's next start, once for the image.
      assert.ok(launchers.filter((name) => !name.endsWith('.log')).length <= 1, launchers.join());
      assert.ok(
        left.every((group) => launchers.includes(group)),
        left.join(),
      );
      assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(machine.home));
    });
  });

  describe('what goes wrong, and waking up', () => {
    it('says which image is missing and what to do', async () => {
      await machine.client.create(
        deploymentKind,
        makeDeployment('absent', { image: 'knit.local/none:1' }),
      );
      const waiting = await eventually('a waiting reason', async () => {
        const [pod] = await podsOf(machine.client, 'absent');
        return pod?.status?.containerStatuses?.[0]?.state?.waiting;
      });
      assert.equal(waiting.reason, 'ErrImagePull');
      assert.match(waiting.message ?? '', /knit\.local\/none:1 is not in the local image store/);
      await machine.client.delete(deploymentKind, { namespace: 'default', name: 'absent' });
      await eventually(
        'no pods',
        async () => (await podsOf(machine.client, 'absent')).length === 0,
      );
    });

    it('says why a container could not start', async () => {
      const command = ['/no/such/command'];
      await machine.client.create(
        deploymentKind,
        makeDeployment('broken', { image: TEST_IMAGE, command }),
      );
      const status = await eventually('a back-off', async () => {
        const [pod] = await podsOf(machine.client, 'broken');
        const found = pod?.status?.containerStatuses?.[0];
        return found?.state?.waiting?.reason === 'CrashLoopBackOff' && found;
      });
      assert.equal(status.lastState?.terminated?.reason, 'StartError');
      assert.match(status.lastState?.terminated?.message ?? '', /no\/such\/command/);
      await machine.client.delete(deploymentKind, { namespace: 'default', name: 'broken' });
      await eventually(
        'no pods',
        async () => (await podsOf(machine.client, 'broken')).length === 0,
      );
    });

    it('leaves a container alone whose commands succeed, from its first moment on', async () => {
      const exec = { command: ['/bin/sh', '-c', 'exit 0'] };
      await machine.client.create(
        deploymentKind,
        makeDeployment('fit', {
          image: TEST_IMAGE,
          readinessProbe: { exec, periodSeconds: 0, failureThreshold: 1, timeoutSeconds: 5 },
          startupProbe: { exec, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 5 },
        }),
      );
      const pod = await readyPod('fit');
      assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0);
      await machine.client.delete(deploymentKind, { namespace: 'default', name: 'fit' });
      await eventually('no pods', async () => (await podsOf(machine.client, 'fit')).length === 0);
    });

    it('restarts a container whose liveness command fails', async () => {
      await machine.client.create(
        deploymentKind,
        makeDeployment('sick', {
          image: TEST_IMAGE,
          livenessProbe: {
            exec: { command: ['/bin/sh', '-c', 'exit 1'] },
            periodSeconds: 1,
            failureThreshold: 1,
          },
        }),
      );
      await eventually('a restart', async () => {
        const [pod] = await podsOf(machine.client, 'sick');
        return (pod?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0;
      });
      await machine.client.delete(deploymentKind, { namespace: 'default', name: 'sick' });
      await eventually('no pods', async () => (await podsOf(machine.client, 'sick')).length === 0);
    });

    it('wakes a Deployment from zero to Ready in well under a second', async () => {
      await machine.client.create(
        deploymentKind,
        makeDeployment('cold', { image: TEST_IMAGE }, { replicas: 0 }),
      );
      const durations: number[] = [];
      for (let round = 0; round < 5; round++) {
        const from = performance.now();
        await scale(machine.client, 'cold', 1);
        await readyPod('cold');
        durations.push(performance.now() - from);
        await scale(machine.client, 'cold', 0);
        await eventually(
          'no pods',
          async () => (await podsOf(machine.client, 'cold')).length === 0,
        );
      }
      durations.sort((a, b) => a - b);
      console.log(`      scale to Ready: ${durations.map((ms) => ms.toFixed(0)).join(', ')} ms`);
      assert.ok((durations[2] ?? Infinity) < 1_000);
    });
  });

  describe('after the last test', () => {
    it('cleans up after an agent that was killed', async () => {
      await scale(machine.client, 'cold', 2);
      await eventually('two pods', async () => {
        const pods = await podsOf(machine.client, 'cold');
        return pods.length === 2 && pods.every(isReady);
      });
      const pids = (await podsOf(machine.client, 'cold')).map((pod) =>
        containerProcess(machine.home, pod),
      );
      await agent.close();
      abort();
      const from = performance.now();
      const { home } = machine;
      await cleanupAgent({ home, bridge: BRIDGE, clock: systemClock, logger: silentLogger });
      assert.ok(performance.now() - from < 5_000);
      for (const pid of pids) assert.throws(() => process.kill(pid, 0), /ESRCH/);
      assert.deepEqual(groups(home), []);
      const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
      assert.ok(!links.includes(BRIDGE.name), links);
      assert.ok(!readdirSync('/run/netns').some((name) => name.startsWith(`${BRIDGE.name}-`)));
      const layout = parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'));
      assert.deepEqual(listCgroups(layout, makeAgentPaths(home).cgroupParent), []);
      assert.equal((await machine.client.list(podKind)).items.length, 2);
    });
  });
});

function groups(home: string): string[] {
  const layout = parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'));
  return listCgroups(layout, makeAgentPaths(home).cgroupParent);
}

/** Pid of the container's first process, from the machine. */
function containerProcess(home: string, pod: Pod): number {
  const root = `${home}/pods/${pod.metadata.uid}/user`;
  const attempts = readdirSync(root).filter((name) => /^\d+$/.test(name));
  const newest = Math.max(...attempts.map(Number));
  return Number(readFileSync(`${root}/${newest}/pid`, 'utf8'));
}
