/** The columns that kubectl shows of built-in kinds. */
import assert from 'node:assert/strict';
import { findBuiltinPrinter } from '../../runtime/apiserver/printing/builtin-printers.ts';

const now = Date.parse('2026-01-02T00:00:00Z');
const metadata = { name: 'a', creationTimestamp: '2026-01-01T23:50:00Z' };

/** What one row shows, by column. */
function show(storeName: string, object: object): Record<string, unknown> {
  const printer = findBuiltinPrinter(storeName);
  assert.ok(printer);
  const cells = printer.cells({ metadata, ...object }, now);
  assert.equal(cells.length, printer.columns.length);
  return Object.fromEntries(printer.columns.map(({ name }, index) => [name, cells[index]]));
}

describe('The columns of built-in kinds', () => {
  const running = {
    spec: { containers: [{}, {}], nodeName: 'n' },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      containerStatuses: [
        {
          ready: true,
          restartCount: 2,
          state: { running: {} },
          lastState: { terminated: { finishedAt: '2026-01-01T23:59:00Z' } },
        },
        { ready: false, restartCount: 0, state: { waiting: { reason: 'CrashLoopBackOff' } } },
      ],
    },
  };

  it('show how many containers of a pod are ready, why it waits and when it restarted', () => {
    const row = show('/pods', running);
    assert.equal(row['Ready'], '1/2');
    assert.equal(row['Status'], 'CrashLoopBackOff');
    assert.equal(row['Restarts'], '2 (60s ago)');
    assert.equal(row['Age'], '10m');
    assert.equal(row['IP'], '10.0.0.1');
  });

  it('show that a pod is terminating, whatever its containers do', () => {
    const leaving = {
      ...running,
      metadata: { ...metadata, deletionTimestamp: metadata.creationTimestamp },
    };
    assert.equal(show('/pods', leaving)['Status'], 'Terminating');
  });

  it('show how far the init containers of a pod are', () => {
    const row = show('/pods', {
      spec: { containers: [{}], initContainers: [{}, {}] },
      status: {
        phase: 'Pending',
        initContainerStatuses: [
          { state: { terminated: { exitCode: 0 } } },
          { state: { waiting: { reason: 'PodInitializing' } } },
        ],
      },
    });
    assert.equal(row['Status'], 'Init:1/2');
  });

  it('show the ports of a service with their node ports', () => {
    const row = show('/services', {
      spec: {
        type: 'NodePort',
        clusterIP: '10.1.0.1',
        selector: { b: '2', a: '1' },
        ports: [
          { port: 80, nodePort: 30080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
      },
    });
    assert.equal(row['Port(s)'], '80:30080/TCP,53/UDP');
    assert.equal(row['External-IP'], '<none>');
    assert.equal(row['Selector'], 'a=1,b=2');
  });

  it('show ready of wanted replicas of a deployment', () => {
    const row = show('apps/deployments', { spec: { replicas: 3 }, status: { readyReplicas: 2 } });
    assert.equal(row['Ready'], '2/3');
    assert.equal(row['Available'], 0);
  });

  it('show the state, the completions and the duration of a job', () => {
    const row = show('batch/jobs', {
      spec: { completions: 2 },
      status: {
        succeeded: 2,
        startTime: '2026-01-01T23:00:00Z',
        completionTime: '2026-01-01T23:00:30Z',
        conditions: [{ type: 'Complete', status: 'True' }],
      },
    });
    assert.equal(row['Status'], 'Complete');
    assert.equal(row['Completions'], '2/2');
    assert.equal(row['Duration'], '30s');
  });

  it('show of whom an event tells, and how often', () => {
    const row = show('/events', {
      involvedObject: { kind: 'Pod', name: 'p' },
      lastTimestamp: '2026-01-01T23:59:00Z',
      count: 4,
      message: 'm\n',
    });
    assert.equal(row['Object'], 'pod/p');
    assert.equal(row['Last Seen'], '60s');
    assert.equal(row['Count'], 4);
    assert.equal(row['Message'], 'm');
  });

  it('take objects that are nearly empty', () => {
    for (const name of [
      '/pods',
      '/services',
      '/nodes',
      '/events',
      '/configmaps',
      '/secrets',
      '/endpoints',
      'apps/deployments',
      'apps/replicasets',
      'apps/statefulsets',
      'apps/daemonsets',
      'batch/jobs',
    ])
      assert.equal(show(name, {})['Age'] ?? '10m', '10m', name);
  });
});
