/** The order in which a pod's containers run, what is done around them, and what they may see: with real containers. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import type { Agent } from '../../runtime/agent/start-agent.ts';
import { type Container, eventKind, type Pod, podKind } from '../../runtime/apis/core/types.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { buildTestImage, removeTestImage, TEST_IMAGE } from './test-image.ts';
import {
  eventually,
  isReady,
  startNode,
  startTestMachine,
  type TestMachine,
} from './test-machine.ts';

const BRIDGE = { name: 'knitl', cidr: '10.91.31.0/24' };
const WAIT_MS_MAX = 30_000;

const shell = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: TEST_IMAGE,
  command: ['/bin/sh', '-c', script],
  volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
  ...more,
});
/** There is no sleep in the image. */
const waitFor = (path: string): string =>
  `exec node -e "setInterval(() => require('fs').existsSync('${path}') && process.exit(0), 20)"`;
/** The first process of a container hears no signal that it does not handle. */
const runFor = (onEnd: string): string =>
  `exec node -e "process.on('SIGTERM', () => { ${onEnd}; process.exit(0) }); require('fs').writeFileSync('/shared/up', ''); setInterval(() => {}, 1000)"`;
const append = (text: string): string => `require('fs').appendFileSync('/shared/log', '${text} ')`;

describe('the life of a pod’s containers', function () {
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
  before(async () => {
    images = buildTestImage();
    machine = await startTestMachine();
    await start();
  });
  after(async () => {
    await agent?.close({ stopPods: true });
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

  const create = async (name: string, spec: Partial<Pod['spec']>): Promise<Pod> =>
    machine.client.create(podKind, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        restartPolicy: 'Never',
        terminationGracePeriodSeconds: 10,
        volumes: [{ name: 'shared', emptyDir: {} }],
        containers: [],
        ...spec,
      },
    });
  const when = (name: string, what: string, test: (pod: Pod) => boolean): Promise<Pod> =>
    eventually(
      `${what} of ${name}`,
      async () => {
        const pod = await machine.client.get(podKind, { namespace: 'default', name });
        return pod && test(pod) ? pod : undefined;
      },
      WAIT_MS_MAX,
    );
  const shared = (pod: Pod, file: string): string =>
    join(machine.home, 'pods', pod.metadata.uid ?? '', 'volumes', 'shared', file);
  const condition = (pod: Pod, type: string): string | undefined =>
    pod.status?.conditions?.find((one) => one.type === type)?.status;
  const phaseIs = (phase: string) => (pod: Pod) => pod.status?.phase === phase;

  describe('init containers', () => {
    it('run one after the other, before all others', async () => {
      const pod = await create('ordered', {
        initContainers: [
          shell('one', waitFor('/shared/go')),
          shell('two', 'echo -n "two " >> /shared/log'),
        ],
        containers: [shell('main', 'echo -n "main " >> /shared/log')],
      });
      const waiting = await when('ordered', 'the first', (one) =>
        Boolean(one.status?.initContainerStatuses?.[0]?.state?.running),
      );
      assert.equal(waiting.status?.phase, 'Pending');
      assert.equal(condition(waiting, 'Initialized'), 'False');
      const reasons = [
        waiting.status?.initContainerStatuses?.[1],
        waiting.status?.containerStatuses?.[0],
      ];
      assert.deepEqual(
        reasons.map((one) => one?.state?.waiting?.reason),
        ['PodInitializing', 'PodInitializing'],
      );
      assert.equal(existsSync(shared(pod, 'log')), false);
      writeFileSync(shared(pod, 'go'), '');
      const done = await when('ordered', 'success', phaseIs('Succeeded'));
      assert.equal(readFileSync(shared(pod, 'log'), 'utf8'), 'two main ');
      assert.deepEqual(
        done.status?.initContainerStatuses?.map(({ name, ready, state }) => [
          name,
          ready,
          state?.terminated?.reason,
        ]),
        [
          ['one', true, 'Completed'],
          ['two', true, 'Completed'],
        ],
      );
    });

    it('that fails ends a pod whose policy is Never', async () => {
      const pod = await create('failing', {
        initContainers: [shell('one', 'exit 3')],
        containers: [shell('main', ': > /shared/ran')],
      });
      const failed = await when('failing', 'failure', phaseIs('Failed'));
      assert.equal(failed.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 3);
      assert.equal(
        failed.status?.containerStatuses?.[0]?.state?.waiting?.reason,
        'PodInitializing',
      );
      assert.equal(existsSync(shared(pod, 'ran')), false);
    });

    it('that fails is tried again where the policy is Always', async () => {
      await create('retried', {
        restartPolicy: 'Always',
        initContainers: [shell('one', '[ -e /shared/tried ] && exit 0; : > /shared/tried; exit 1')],
        containers: [shell('main', runFor(''))],
      });
      const ready = await when('retried', 'readiness', isReady);
      const [one] = ready.status?.initContainerStatuses ?? [];
      assert.deepEqual([one?.restartCount, one?.lastState?.terminated?.exitCode], [1, 1]);
    });

    it('do not run again when the agent has been restarted', async () => {
      const pod = await create('adopted', {
        restartPolicy: 'Always',
        initContainers: [shell('one', 'echo -n "one " >> /shared/log')],
        containers: [shell('main', `echo -n "main " >> /shared/log; ${runFor('')}`)],
      });
      await when('adopted', 'readiness', isReady);
      await agent.close();
      abort();
      await start();
      await eventually('logs again', async () => {
        try {
          for await (const chunk of agent.readPodLog({
            namespace: 'default',
            pod: 'adopted',
            follow: false,
          }))
            assert.fail(String(chunk));
          return true;
        } catch {
          return false;
        }
      });
      assert.equal(readFileSync(shared(pod, 'log'), 'utf8'), 'one main ');
      const adopted = await when('adopted', 'readiness', isReady);
      assert.equal(adopted.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    });

    it('that say Always run beside the others, and end after them', async () => {
      const pod = await create('accompanied', {
        initContainers: [
          shell('sidecar', `echo -n "sidecar " >> /shared/log; ${runFor(append('sidecar-end'))}`, {
            restartPolicy: 'Always',
            startupProbe: {
              exec: { command: ['/bin/sh', '-c', '[ -e /shared/log ]'] },
              periodSeconds: 1,
            },
          }),
          shell('second', 'echo -n "second " >> /shared/log'),
        ],
        containers: [shell('main', 'echo -n "main " >> /shared/log')],
      });
      const done = await when('accompanied', 'success', phaseIs('Succeeded'));
      assert.equal(readFileSync(shared(pod, 'log'), 'utf8'), 'sidecar second main sidecar-end ');
      assert.equal(done.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 0);
    });
  });

  describe('hooks', () => {
    it('after the start come before readiness, before the end before the signal', async () => {
      const pod = await create('hooked', {
        containers: [
          shell('main', runFor(append('term')), {
            lifecycle: {
              postStart: {
                exec: {
                  command: [
                    '/bin/sh',
                    '-c',
                    'until [ -e /shared/up ]; do :; done; echo -n "started " >> /shared/log',
                  ],
                },
              },
              preStop: {
                exec: { command: ['/bin/sh', '-c', 'echo -n "stopping " >> /shared/log'] },
              },
            },
          }),
        ],
      });
      await when('hooked', 'readiness', isReady);
      assert.equal(readFileSync(shared(pod, 'log'), 'utf8'), 'started ');
      // The pod's directory goes with it: what is read is what was open.
      const log = shared(pod, 'log');
      let seen = '';
      await machine.client.delete(podKind, { namespace: 'default', name: 'hooked' });
      await eventually(
        'the end of the hooked',
        async () => {
          if (existsSync(log)) seen = readFileSync(log, 'utf8');
          return (
            (await machine.client.get(podKind, { namespace: 'default', name: 'hooked' })) ===
            undefined
          );
        },
        WAIT_MS_MAX,
      );
      assert.match(seen, /^started stopping /);
    });

    it('that fail after the start end the container, and say so', async () => {
      await create('misled', {
        terminationGracePeriodSeconds: 1,
        containers: [
          shell('main', runFor(''), {
            lifecycle: { postStart: { exec: { command: ['/bin/sh', '-c', 'echo no; exit 1'] } } },
          }),
        ],
      });
      await when('misled', 'the end', (pod) =>
        Boolean(pod.status?.containerStatuses?.[0]?.state?.terminated),
      );
      const events = await machine.client.list(eventKind, { namespace: 'default' });
      const event = events.items.find(
        ({ reason, involvedObject }) =>
          reason === 'FailedPostStartHook' && involvedObject.name === 'misled',
      );
      assert.equal(event?.message, 'PostStartHook failed: no');
    });
  });

  it('calls itself as its spec says, under the name that others find it by', async () => {
    const show = `console.log(require('os').hostname(), require('fs').readFileSync('/etc/hosts', 'utf8').trim().split('\\n').pop())`;
    await create('named', {
      hostname: 'index-0',
      subdomain: 'work',
      containers: [{ ...shell('main', ''), command: ['/usr/bin/node', '-e', show] }],
    });
    const pod = await when('named', 'the end', phaseIs('Succeeded'));
    let log = '';
    const request = { namespace: 'default', pod: 'named', follow: false };
    for await (const chunk of agent.readPodLog(request)) log += Buffer.from(chunk).toString();
    const names = 'index-0.work.default.svc.cluster.local index-0';
    assert.equal(log, `index-0 ${pod.status?.podIP} ${names}\n`);
  });

  describe('a security context', () => {
    it('says who the container is, what its groups are and what it may write', async () => {
      const show = `const fs = require('fs'); const tries = (run) => { try { run(); return 'yes' } catch (e) { return e.code } };
        fs.writeFileSync('/shared/made', '');
        const caps = /CapBnd:.([0-9a-f]+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1];
        console.log(JSON.stringify([process.getuid(), process.getgid(), process.getgroups().sort(), fs.statSync('/shared/made').gid,
          tries(() => fs.writeFileSync('/x', '')), parseInt(caps, 16), fs.realpathSync('/sub')]))`;
      const pod = await create('secured', {
        securityContext: {
          runAsUser: 2001,
          runAsGroup: 2002,
          fsGroup: 2003,
          supplementalGroups: [2004],
        },
        containers: [
          {
            ...shell('main', ''),
            command: ['/usr/bin/node', '-e', show],
            env: [{ name: 'PART', value: 'one' }],
            volumeMounts: [
              { name: 'shared', mountPath: '/shared' },
              { name: 'shared', mountPath: '/sub', subPathExpr: 'parts/$(PART)' },
            ],
            securityContext: {
              readOnlyRootFilesystem: true,
              capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
            },
          },
        ],
      });
      await when('secured', 'the end', phaseIs('Succeeded'));
      let log = '';
      const request = { namespace: 'default', pod: 'secured', follow: false };
      for await (const chunk of agent.readPodLog(request)) log += Buffer.from(chunk).toString();
      assert.deepEqual(JSON.parse(log), [
        2001,
        2002,
        [2002, 2003, 2004],
        2003,
        'EROFS',
        1 << 10,
        '/sub',
      ]);
      assert.equal(existsSync(shared(pod, 'parts/one')), true);
    });
  });

  describe('a probe', () => {
    it('that takes too long is ended inside the container, too', async () => {
      await create('probed', {
        containers: [
          shell('main', runFor(''), {
            readinessProbe: {
              exec: {
                command: [
                  '/usr/bin/node',
                  '-e',
                  'console.log(process.pid); setInterval(() => {}, 1000)',
                ],
              },
              timeoutSeconds: 1,
              periodSeconds: 1,
              failureThreshold: 1,
            },
            livenessProbe: {
              // Fails as soon as two commands of the other probe are there at once.
              exec: {
                command: [
                  '/usr/bin/node',
                  '-e',
                  `const fs = require('fs');
                   const pids = fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name) &&
                     fs.readFileSync('/proc/' + name + '/cmdline', 'utf8').includes('console.log(process.pid)'));
                   fs.appendFileSync('/shared/counts', pids.length + ' ');`,
                ],
              },
              timeoutSeconds: 30,
              periodSeconds: 1,
            },
          }),
        ],
      });
      const pod = await when('probed', 'a start', (one) =>
        Boolean(one.status?.containerStatuses?.[0]?.started),
      );
      const counts = await eventually(
        'five looks',
        () => {
          const path = shared(pod, 'counts');
          const found = existsSync(path)
            ? readFileSync(path, 'utf8').trim().split(' ').map(Number)
            : [];
          return Promise.resolve(found.length >= 5 ? found : undefined);
        },
        WAIT_MS_MAX,
      );
      // The look itself has the words in its command line.
      assert.ok(Math.max(...counts) <= 2, `so many at once: ${counts.join(' ')}`);
    });
  });
});
