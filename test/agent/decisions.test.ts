/** The agent's small pure decisions: restarts, probes, environment, status, addresses, quantities. */
import assert from 'node:assert/strict';

import { parseAddressPlan } from '../../runtime/agent/network/address-plan.ts';
import { expandReferences, resolveEnv } from '../../runtime/agent/pods/pod-env.ts';
import { type ContainerProgress, makePodStatus } from '../../runtime/agent/pods/pod-status.ts';
import { decideRestart, freshHistory } from '../../runtime/agent/pods/restart-decision.ts';
import {
  advanceProbe,
  initialProbeState,
  probeDelayMs,
} from '../../runtime/agent/probes/probe-state.ts';
import { mapCommand, mapPath } from '../../runtime/agent/process/process-command.ts';
import { parseQuantity } from '../../runtime/agent/quantity.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';

describe('the restart of a container', () => {
  const crash = (history = freshHistory, ranForMs = 100, restartPolicy = 'Always', exitCode = 1) =>
    decideRestart({ restartPolicy, exitCode, ranForMs, history });

  it('is immediate at first, then waits 10 s, doubling to 5 minutes', () => {
    const delays: number[] = [];
    let history = freshHistory;
    for (let round = 0; round < 8; round++) {
      const decision = crash(history);
      delays.push(decision.delayMs / 1000);
      history = decision.history;
    }
    assert.deepEqual(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('is immediate again after 10 minutes without a crash', () => {
    assert.equal(crash({ backoffCount: 7 }, 600_000).delayMs, 0);
  });

  it('follows the restart policy', () => {
    assert.equal(crash(freshHistory, 1, 'Never').shouldRestart, false);
    assert.equal(crash(freshHistory, 1, 'OnFailure', 0).shouldRestart, false);
    assert.equal(crash(freshHistory, 1, 'OnFailure', 1).shouldRestart, true);
  });
});

describe('a probe', () => {
  it('fails after failureThreshold failures in a row, and not before', () => {
    const probe = { failureThreshold: 2 };
    let state = advanceProbe(initialProbeState, true, probe);
    assert.equal(state.verdict, 'success');
    state = advanceProbe(state, false, probe);
    assert.equal(state.verdict, 'success');
    state = advanceProbe(advanceProbe(state, true, probe), false, probe);
    assert.equal(state.verdict, 'success');
    assert.equal(advanceProbe(state, false, probe).verdict, 'failure');
  });

  it('with period 0 tries every few ms until the first success, then each 10 s', () => {
    const delay = (attempt: number): number =>
      probeDelayMs({ periodSeconds: 0 }, initialProbeState, attempt, true);
    assert.deepEqual([0, 1, 59, 60].map(delay), [10, 3, 3, 50]);
    const byCommand = { periodSeconds: 0, exec: { command: ['true'] } };
    assert.equal(probeDelayMs(byCommand, initialProbeState, 0, true), 50);
    const succeeded = advanceProbe(initialProbeState, true, {});
    assert.equal(probeDelayMs({ periodSeconds: 0 }, succeeded, 9, true), 10_000);
  });

  it('otherwise keeps to initialDelaySeconds and periodSeconds', () => {
    const probe = { initialDelaySeconds: 3, periodSeconds: 7 };
    assert.equal(probeDelayMs(probe, initialProbeState, 0, true), 3_000);
    assert.equal(probeDelayMs(probe, initialProbeState, 1, true), 7_000);
  });

  it('of liveness first looks after one period, unless told otherwise', () => {
    assert.equal(probeDelayMs({ periodSeconds: 7 }, initialProbeState, 0, false), 7_000);
    const probe = { initialDelaySeconds: 1, periodSeconds: 7 };
    assert.equal(probeDelayMs(probe, initialProbeState, 0, false), 1_000);
  });
});

describe('the environment of a container', () => {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'n', labels: { app: 'web' } },
    spec: { containers: [] },
  };
  const source = {
    configMap: (name: string) =>
      name === 'settings'
        ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { level: 'debug' } }
        : undefined,
    secret: () => undefined,
  };
  const resolve = (container: Partial<Parameters<typeof resolveEnv>[0]['container']>) =>
    resolveEnv({
      pod,
      container: { name: 'c', image: 'i', ...container },
      source,
      podIP: '10.0.0.2',
      hostIP: '10.0.0.1',
    });

  it('takes ConfigMaps whole with a prefix, and by key', () => {
    const configMapKeyRef = { name: 'settings', key: 'level' };
    assert.deepEqual(
      resolve({
        envFrom: [{ prefix: 'LOG_', configMapRef: { name: 'settings' } }],
        env: [{ name: 'LEVEL', valueFrom: { configMapKeyRef } }],
      }),
      { LOG_level: 'debug', LEVEL: 'debug' },
    );
  });

  it('takes fields of the pod', () => {
    const of = (fieldPath: string) => [{ name: 'X', valueFrom: { fieldRef: { fieldPath } } }];
    assert.equal(resolve({ env: of('status.podIP') })['X'], '10.0.0.2');
    assert.equal(resolve({ env: of("metadata.labels['app']") })['X'], 'web');
  });

  it('fails on a missing Secret with its name, and skips an optional one', () => {
    const secretKeyRef = { name: 'keys', key: 'token' };
    assert.throws(() => resolve({ env: [{ name: 'X', valueFrom: { secretKeyRef } }] }), {
      reason: 'CreateContainerConfigError',
      message: 'secret "keys" not found',
    });
    const optional = { ...secretKeyRef, optional: true };
    assert.deepEqual(resolve({ env: [{ name: 'X', valueFrom: { secretKeyRef: optional } }] }), {});
  });

  it('expands references to earlier variables, and leaves the rest alone', () => {
    assert.equal(expandReferences('$(A)-$(B)-$$(A)-$A', { A: '1' }), '1-$(B)-$(A)-$A');
  });
});

describe('the status of a pod', () => {
  const container = {
    name: 'user',
    image: 'i',
    imageID: '',
    containerID: '',
    state: { waiting: { reason: 'ContainerCreating' } },
    lastState: undefined,
    isStarted: false,
    isReady: false,
    restartCount: 0,
    isFinished: false,
  };
  const status = (progress: Partial<ContainerProgress>, previous?: Pod['status']) =>
    makePodStatus({
      previous,
      containers: [{ ...container, ...progress }],
      inits: [],
      isOver: progress.isFinished === true,
      podIP: '10.0.0.2',
      hostIP: '10.0.0.1',
      startTime: '2030-01-01T00:00:00Z',
      isStopping: false,
      now: '2030-01-01T00:00:01Z',
    });

  it('is Pending until every container has run once', () => {
    assert.equal(status({}).phase, 'Pending');
    assert.equal(status({ state: { running: { startedAt: 'x' } } }).phase, 'Running');
    const waiting = { state: { waiting: { reason: 'CrashLoopBackOff' } }, restartCount: 1 };
    assert.equal(status(waiting).phase, 'Running');
  });

  it('is Failed or Succeeded when every container has ended for good', () => {
    const ended = (exitCode: number) =>
      status({ isFinished: true, state: { terminated: { exitCode } } }).phase;
    assert.deepEqual([ended(0), ended(2)], ['Succeeded', 'Failed']);
  });

  it('names the containers that are not ready, and keeps transition times', () => {
    const before = status({});
    const ready = before.conditions?.find(({ type }) => type === 'Ready');
    assert.match(ready?.message ?? '', /\[user\]/);
    const old = before.conditions?.map((one) => ({ ...one, lastTransitionTime: 'then' }));
    const after = status({ isReady: true }, { ...before, conditions: old ?? [] });
    const times = after.conditions?.map(({ type, lastTransitionTime }) => [
      type,
      lastTransitionTime,
    ]);
    assert.deepEqual(times?.[0], ['PodScheduled', 'then']);
    assert.deepEqual(times?.[3], ['Ready', '2030-01-01T00:00:01Z']);
  });
});

describe('a pod network', () => {
  it('counts addresses from the bridge at .1', () => {
    const plan = parseAddressPlan('10.63.0.0/16');
    assert.equal(plan.gateway, '10.63.0.1');
    assert.equal(plan.addressOf(2), '10.63.0.2');
    assert.equal(plan.addressOf(300), '10.63.1.44');
    assert.equal(plan.slotMax, 65_534);
  });

  it('gives each address a hardware address of its own, always the same', () => {
    const plan = parseAddressPlan('10.63.0.0/16');
    assert.equal(plan.gatewayMac, '0a:58:0a:3f:00:01');
    assert.equal(plan.macOf(300), '0a:58:0a:3f:01:2c');
  });

  it('refuses what is no network', () => {
    for (const cidr of ['10.0.0.0', '10.0.0.300/24', '10.0.0.0/30'])
      assert.throws(() => parseAddressPlan(cidr), /use one like/);
  });
});

describe('a quantity', () => {
  it('has binary, decimal and milli suffixes', () => {
    const texts = ['256Mi', '1G', '500m', '2', '1e3', 'abc'];
    assert.deepEqual(texts.map(parseQuantity), [268_435_456, 1e9, 0.5, 2, 1000, undefined]);
  });
});

describe('a command of the process driver', () => {
  const roots = { bundle: '/b', functions: '/f', node: '/usr/bin/node20' };

  it("runs with the machine's interpreters and maps the image's paths", () => {
    const node = mapCommand(['/usr/local/bin/node', '/var/runtime/node/server.mjs'], roots);
    assert.deepEqual(node, ['/usr/bin/node20', '/f/node/server.mjs']);
    const python = mapCommand(['python3.11', '/var/runtime/python/server.py'], roots);
    assert.deepEqual(python, ['python3', '/f/python/server.py']);
  });

  it('leaves other paths to the machine', () => {
    assert.equal(mapPath('/var/task', roots), '/b/var/task');
    assert.equal(mapPath('/var/tasks', roots), '/var/tasks');
    assert.equal(mapPath('/etc/ssl', roots), '/etc/ssl');
  });
});
