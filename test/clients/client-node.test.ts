/** @kubernetes/client-node against a local runtime: what programs in JavaScript do with a cluster. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import {
  ApiException,
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  CustomObjectsApi,
  Cp,
  Exec,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  VersionApi,
  Watch,
  type KubernetesObject,
  type V1ConfigMap,
  type V1Status,
} from '@kubernetes/client-node';
import { until } from '../e2e/harness.ts';
import { useSharedRuntime } from './shared-runtime.ts';
import { SHELL_IMAGE } from './shell-image.ts';

const namespace = 'scripts';

/** Keeps what is written to it. */
class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const isCode =
  (code: number) =>
  (error: unknown): boolean =>
    error instanceof ApiException && error.code === code;

describe('@kubernetes/client-node against a local runtime', function () {
  this.timeout(300_000);
  const runtime = useSharedRuntime();
  const config = new KubeConfig();
  let core: CoreV1Api;

  before(async () => {
    config.loadFromFile(join(runtime.home, 'kubeconfig'));
    core = config.makeApiClient(CoreV1Api);
    await core.createNamespace({ body: { metadata: { name: namespace } } });
  });

  const makeMap = (name: string): V1ConfigMap => ({ metadata: { name, namespace } });

  describe('typed clients', () => {
    it('create, read, patch, list by labels and delete', async () => {
      const labels = { kind: 'typed' };
      await core.createNamespacedConfigMap({
        namespace,
        body: { metadata: { name: 'typed', labels }, data: { a: '1' } },
      });
      await core.patchNamespacedConfigMap(
        { namespace, name: 'typed', body: { data: { b: '2' } } },
        setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
      );
      const listed = await core.listNamespacedConfigMap({ namespace, labelSelector: 'kind=typed' });
      assert.deepEqual(
        listed.items.map(({ data }) => data),
        [{ a: '1', b: '2' }],
      );
      assert.ok(listed.items[0]?.metadata?.creationTimestamp instanceof Date);
      await core.deleteNamespacedConfigMap({ namespace, name: 'typed' });
      await assert.rejects(core.readNamespacedConfigMap({ namespace, name: 'typed' }), isCode(404));
    });

    it('are told of conflicts', async () => {
      const made = await core.createNamespacedConfigMap({ namespace, body: makeMap('contested') });
      const change = (value: string) =>
        core.replaceNamespacedConfigMap({
          namespace,
          name: 'contested',
          body: { metadata: made.metadata ?? {}, data: { value } },
        });
      await change('first');
      await assert.rejects(change('second'), isCode(409));
    });

    it('scale Deployments, and wait for Jobs', async () => {
      const apps = config.makeApiClient(AppsV1Api);
      const containers = [{ name: 'main', image: SHELL_IMAGE }];
      const metadata = { labels: { app: 'typed' } };
      await apps.createNamespacedDeployment({
        namespace,
        body: {
          metadata: { name: 'typed' },
          spec: {
            replicas: 0,
            selector: { matchLabels: metadata.labels },
            template: { metadata, spec: { containers } },
          },
        },
      });
      const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'typed' });
      await apps.replaceNamespacedDeploymentScale({
        namespace,
        name: 'typed',
        body: { metadata: scale.metadata ?? {}, spec: { replicas: 1 } },
      });
      await until('one replica', async () => {
        const { status } = await apps.readNamespacedDeployment({ namespace, name: 'typed' });
        return status?.readyReplicas === 1;
      });
      await apps.deleteNamespacedDeployment({ namespace, name: 'typed' });

      const batch = config.makeApiClient(BatchV1Api);
      await batch.createNamespacedJob({
        namespace,
        body: {
          metadata: { name: 'typed' },
          spec: {
            template: {
              spec: {
                restartPolicy: 'Never',
                containers: [{ name: 'main', image: SHELL_IMAGE, command: ['/bin/date'] }],
              },
            },
          },
        },
      });
      await until('the Job', async () => {
        const { status } = await batch.readNamespacedJob({ namespace, name: 'typed' });
        return status?.succeeded === 1;
      });
    });

    it('handle custom objects, their status included', async () => {
      const custom = config.makeApiClient(CustomObjectsApi);
      const kind = { group: 'serving.knative.dev', version: 'v1', namespace, plural: 'services' };
      await custom.createNamespacedCustomObject({
        ...kind,
        body: {
          apiVersion: 'serving.knative.dev/v1',
          kind: 'Service',
          metadata: { name: 'custom' },
          spec: { template: { spec: { containers: [{ image: SHELL_IMAGE }] } } },
        },
      });
      await until('readiness', async () => {
        const found = (await custom.getNamespacedCustomObjectStatus({
          ...kind,
          name: 'custom',
        })) as {
          status?: { conditions?: { type: string; status: string }[] };
        };
        return found.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
      });
      assert.equal((await runtime.http(`custom.${namespace}.localhost`, '/c')).body, 'hello /c\n');
      await custom.deleteNamespacedCustomObject({ ...kind, name: 'custom' });
    });

    it('ask for the version', async () => {
      const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
      assert.match(gitVersion, /^v1\.\d+\.\d+/);
    });
  });

  describe('KubernetesObjectApi', () => {
    it('creates, applies, lists and deletes objects of any kind', async () => {
      const api = KubernetesObjectApi.makeApiClient(config);
      const settings = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'any', namespace },
        data: { a: '1' },
      };
      await api.create(settings, undefined, 'All');
      await assert.rejects(api.read(settings), isCode(404));
      await api.create(settings);
      const applied = await api.patch(
        { ...settings, data: { a: '2' } } as KubernetesObject,
        undefined,
        undefined,
        'scripts',
        true,
        PatchStrategy.ServerSideApply,
      );
      assert.deepEqual((applied as V1ConfigMap).data, { a: '2' });
      const list = await api.list<V1ConfigMap>('v1', 'ConfigMap', namespace);
      assert.ok(list.items.some(({ metadata }) => metadata?.name === 'any'));
      await api.delete(settings);
    });
  });

  describe('watches and informers', () => {
    it('tell each change in its order', async () => {
      const seen: string[] = [];
      const watch = new Watch(config);
      const { metadata } = await core.listNamespacedConfigMap({ namespace });
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const query = {
        resourceVersion: metadata?.resourceVersion,
        fieldSelector: 'metadata.name=watched',
      };
      let ended: unknown;
      const stop = await watch.watch(
        path,
        query,
        (phase) => seen.push(phase),
        (error) => (ended = error ?? 'ended'),
      );
      await core.createNamespacedConfigMap({ namespace, body: makeMap('watched') });
      await core.deleteNamespacedConfigMap({ namespace, name: 'watched' });
      await until('both events', () => seen.length >= 2);
      assert.deepEqual(seen, ['ADDED', 'DELETED']);
      assert.equal(ended, undefined);
      stop.abort();
    });

    it('go on over a server that was killed', async () => {
      const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
        core.listNamespacedConfigMap({ namespace }),
      );
      const added = new Set<string>();
      informer.on('add', ({ metadata }) => added.add(metadata?.name ?? ''));
      let stopped = false;
      // As the package's examples have it: an informer that ended with an error is started again.
      const again = (): void => {
        if (!stopped) void informer.start().catch(() => setTimeout(again, 200));
      };
      informer.on('error', again);
      await informer.start();
      await core.createNamespacedConfigMap({ namespace, body: makeMap('before-the-kill') });
      await until('the first object', () => added.has('before-the-kill'));

      const pid = await runtime.pidOf('control');
      process.kill(pid, 'SIGKILL');
      await until('the server', async () => {
        if ((await runtime.pidOf('control')) === pid) return false;
        await core.createNamespacedConfigMap({ namespace, body: makeMap('after-the-kill') });
        return true;
      });
      await until('the second object', () => added.has('after-the-kill'));
      assert.ok(informer.get('before-the-kill', namespace));
      stopped = true;
      await informer.stop();
    });
  });

  describe('a Pod', () => {
    const pod = 'shell';
    const container = 'main';
    let folder: string;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'knit-client-node-'));
      await core.createNamespacedPod({
        namespace,
        body: {
          metadata: { name: pod },
          spec: { containers: [{ name: container, image: SHELL_IMAGE }] },
        },
      });
      await until('the Pod', async () => {
        const { status } = await core.readNamespacedPod({ namespace, name: pod });
        return (
          status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ===
          true
        );
      });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const exec = async (command: string[], input?: string): Promise<[V1Status, string, string]> => {
      const [out, err] = [new Sink(), new Sink()];
      const stdin = input === undefined ? null : Readable.from([input]);
      const status = await new Promise<V1Status>((resolve, reject) => {
        new Exec(config)
          .exec(namespace, pod, container, command, out, err, stdin, false, resolve)
          .catch(reject);
      });
      return [status, out.text, err.text];
    };

    it('runs commands, and tells how they ended', async () => {
      const [good, out] = await exec(['/bin/sh', '-c', 'echo out; echo err >&2']);
      assert.deepEqual([good.status, out], ['Success', 'out\n']);
      const [bad, , err] = await exec(['/bin/sh', '-c', 'echo bad >&2; exit 4']);
      assert.deepEqual([bad.status, bad.reason, err], ['Failure', 'NonZeroExitCode', 'bad\n']);
      assert.deepEqual(bad.details?.causes, [{ reason: 'ExitCode', message: '4' }]);
    });

    it('shows its log, and follows it', async () => {
      const log = new Log(config);
      const whole = new Sink();
      await log.log(namespace, pod, container, whole, { limitBytes: 9 });
      await until('the log', () => whole.text === 'listening');
      const followed = new Sink();
      const stop = await log.log(namespace, pod, container, followed, {
        follow: true,
        tailLines: 0,
      });
      await exec(['/bin/sh', '-c', 'echo written > /proc/1/fd/1']);
      await until('the new line', () => followed.text.includes('written'));
      stop.abort();
    });

    it('is reached through a forwarded port', async () => {
      const [sent, got] = [new PassThrough(), new Sink()];
      await new PortForward(config).portForward(namespace, pod, [8080], got, null, sent);
      sent.write('GET /forwarded HTTP/1.0\r\n\r\n');
      await until('the answer', () => got.text.includes('hello /forwarded'));
      sent.end();
    });

    // Cp's way back does not unpack what it compresses, on any server.
    it('takes folders', async () => {
      writeFileSync(join(folder, 'note.txt'), 'carried');
      await new Cp(config).cpToPod(namespace, pod, container, folder, '/tmp');
      await until('the file in the Pod', async () => {
        const [, out] = await exec(['/bin/cat', '/tmp/note.txt']);
        return out === 'carried';
      });
    });
  });
});
