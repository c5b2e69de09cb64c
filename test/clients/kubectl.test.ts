/** The real kubectl over the whole life of a Deployment, a Knative Service and a custom kind. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { until } from '../e2e/harness.ts';
import { findKubectls, Kubectl } from './kubectl.ts';
import { useSharedRuntime } from './shared-runtime.ts';
import { SHELL_IMAGE } from './shell-image.ts';

const WAIT = '--timeout=120s';

const deployment = (greeting: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, labels: { part-of: shop } }
data: { greeting: ${greeting} }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { part-of: shop } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - name: main
          image: ${SHELL_IMAGE}
          env: [{ name: GREETING, value: ${greeting} }]
          ports: [{ containerPort: 8080 }]
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
`;

const service = (greeting: string): string => `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: hello }
spec:
  template:
    spec:
      containers:
        - image: ${SHELL_IMAGE}
          env: [{ name: GREETING, value: ${greeting} }]
`;

/** @param group keeps the definitions of several programs apart: they belong to no namespace. */
const definition = (group: string): string => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: cafes.${group} }
spec:
  group: ${group}
  scope: Namespaced
  names: { plural: cafes, singular: cafe, kind: Cafe, shortNames: [cf], categories: [all] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: { specReplicasPath: .spec.tables, statusReplicasPath: .status.tables }
      additionalPrinterColumns: [{ name: Tables, type: integer, jsonPath: .spec.tables }]
      schema:
        openAPIV3Schema:
          type: object
          description: A place with tables.
          properties:
            spec:
              type: object
              required: [tables]
              properties:
                tables: { type: integer, minimum: 1, description: How many guests can sit. }
                menu: { type: array, items: { type: string } }
            status: { type: object, x-kubernetes-preserve-unknown-fields: true }
`;

const cafe = (group: string, more = ''): string => `
apiVersion: ${group}/v1
kind: Cafe
metadata: { name: corner }
spec: { tables: 3, menu: [espresso]${more} }
`;

describe('kubectl against a local runtime', function () {
  this.timeout(300_000);
  const runtime = useSharedRuntime();

  for (const [index, program] of findKubectls().entries()) {
    describe(`version 1.${program.minor} (${program.path})`, () => {
      const namespace = `life-${index}`;
      const group = `g${index}.example.com`;
      let kubectl: Kubectl;

      before(async () => {
        kubectl = new Kubectl(program, { kubeconfig: join(runtime.home, 'kubeconfig'), namespace });
        await kubectl.ok(['create', 'namespace', namespace]);
      });
      after(async () => {
        await kubectl?.run(['delete', 'namespace', namespace, '--wait=false']);
        kubectl?.close();
      });

      const get = async (kind: string, name: string, path: string): Promise<string> =>
        kubectl.ok(['get', kind, name, '-o', `jsonpath=${path}`]);

      describe('a Deployment', () => {
        it('is applied, and unchanged when it is applied again', async () => {
          assert.match(await kubectl.apply(deployment('one')), /deployment\.apps\/web created/);
          assert.match(await kubectl.apply(deployment('one')), /deployment\.apps\/web unchanged/);
          const status = await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
          assert.match(status, /successfully rolled out/);
        });

        it('is shown in every form', async () => {
          const wide = await kubectl.ok(['get', 'deployments,replicasets,pods', '-o', 'wide']);
          assert.match(wide, /deployment\.apps\/web +1\/1 +1 +1 .* main +\S+\/shell:one +app=web/);
          assert.match(wide, /pod\/web-\S+ +1\/1 +Running +0 /);
          assert.match(
            await kubectl.ok(['get', 'deploy', 'web', '-o', 'yaml']),
            /^kind: Deployment$/m,
          );
          const columns = 'NAME:.metadata.name,IMAGE:.spec.template.spec.containers[0].image';
          assert.match(
            await kubectl.ok(['get', 'deploy', '-o', `custom-columns=${columns}`]),
            /^web +knit\.local\/clients\/shell:one$/m,
          );
          assert.equal(await get('deployment', 'web', '{.status.readyReplicas}'), '1');
          assert.match(await kubectl.ok(['get', 'all']), /replicaset\.apps\/web-/);
          const described = await kubectl.ok(['describe', 'deployment', 'web']);
          assert.match(described, /Available +True +MinimumReplicasAvailable/);
          assert.match(await kubectl.ok(['describe', 'pod', '-l', 'app=web']), /Ready +True/);
        });

        it('is compared with a changed manifest, which is then applied', async () => {
          const compared = await kubectl.run(['diff', '-f', '-'], deployment('two'));
          assert.equal(compared.code, 1, compared.stderr);
          assert.match(compared.stdout, /^-  greeting: one$/m);
          assert.match(compared.stdout, /^\+  greeting: two$/m);
          assert.match(
            await kubectl.apply(deployment('two'), '--dry-run=server'),
            /server dry run/,
          );
          assert.equal(await get('configmap', 'settings', '{.data.greeting}'), 'one');
          await kubectl.apply(deployment('two'));
          await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
          const same = await kubectl.run(['diff', '-f', '-'], deployment('two'));
          assert.deepEqual([same.code, same.stdout], [0, ''], same.stderr);
        });

        it('goes back to its first revision, and restarts', async () => {
          assert.match(await kubectl.ok(['rollout', 'history', 'deployment/web']), /^2 +<none>$/m);
          await kubectl.ok(['rollout', 'undo', 'deployment/web']);
          await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
          const greeting = '{.spec.template.spec.containers[0].env[0].value}';
          assert.equal(await get('deployment', 'web', greeting), 'one');
          await kubectl.ok(['rollout', 'restart', 'deployment/web']);
          await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
          assert.equal(await get('deployment', 'web', '{.status.updatedReplicas}'), '1');
        });

        it('is edited by patches of three types, labels and annotations', async () => {
          const patch = (type: string, body: unknown): Promise<string> =>
            kubectl.ok(['patch', 'deploy', 'web', `--type=${type}`, '-p', JSON.stringify(body)]);
          await patch('merge', { spec: { revisionHistoryLimit: 7 } });
          await patch('json', [{ op: 'add', path: '/spec/minReadySeconds', value: 0 }]);
          const added = { name: 'main', env: [{ name: 'EXTRA', value: 'yes' }] };
          await patch('strategic', { spec: { template: { spec: { containers: [added] } } } });
          const names = '{.spec.template.spec.containers[0].env[*].name}';
          const merged = (await get('deployment', 'web', names)).split(' ').sort();
          assert.deepEqual(merged, ['EXTRA', 'GREETING']);
          await kubectl.ok(['label', 'deployment', 'web', 'tier=front']);
          await kubectl.ok(['annotate', 'deployment', 'web', 'note=fine']);
          assert.match(await kubectl.ok(['get', 'deploy', '-l', 'tier=front']), /^web /m);
          await kubectl.ok(['set', 'env', 'deployment/web', 'EXTRA-']);
          await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
        });

        it('is scaled, exposed and waited for', async () => {
          await kubectl.ok(['scale', 'deployment', 'web', '--replicas=2']);
          await kubectl.ok(['wait', 'deployment/web', '--for=condition=Available', WAIT]);
          await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
          await kubectl.ok(['expose', 'deployment', 'web', '--port=80', '--target-port=8080']);
          await until('two endpoints', async () =>
            /web +10\.\S+:8080,10\.\S+:8080/.test(await kubectl.ok(['get', 'endpoints', 'web'])),
          );
          assert.match(await kubectl.ok(['describe', 'service', 'web']), /TargetPort: +8080\/TCP/);
          await kubectl.ok(['scale', 'deployment', 'web', '--replicas=1']);
        });

        it('is owned field by field when the server applies it', async () => {
          await kubectl.apply(deployment('one'), '--server-side', '--force-conflicts');
          const other = deployment('three');
          const refused = await kubectl.run(
            ['apply', '-f', '-', '--server-side', '--field-manager=other'],
            other,
          );
          assert.notEqual(refused.code, 0);
          assert.match(refused.stderr, /conflict with "kubectl"/);
          const args = ['--server-side', '--field-manager=other', '--force-conflicts'];
          assert.match(await kubectl.apply(other, ...args), /web serverside-applied/);
          await kubectl.ok(['rollout', 'status', 'deployment/web', WAIT]);
        });

        it('is replaced, and what is no longer applied is pruned', async () => {
          const [, whole] = deployment('four').split('---');
          assert.match(await kubectl.ok(['replace', '-f', '-'], whole), /web replaced/);
          await kubectl.ok(['apply', '-f', '-'], deployment('four'));
          // The lists of older ones name kinds that are long gone.
          const list = kubectl.minor < 26 ? '--prune-whitelist' : '--prune-allowlist';
          const prune = ['--prune', '-l', 'part-of=shop', `${list}=core/v1/ConfigMap`];
          const pruned = await kubectl.apply(whole ?? '', ...prune);
          assert.match(pruned, /configmap\/settings pruned/);
          assert.match(pruned, /deployment\.apps\/web (unchanged|configured)/);
        });

        it('is deleted with its Pods', async () => {
          await kubectl.ok(['delete', 'deployment', 'web']);
          await kubectl
            .ok(['wait', 'pod', '-l', 'app=web', '--for=delete', WAIT])
            .catch((error) => {
              // There may be none left to wait for.
              assert.match(String(error), /no matching resources found/);
            });
          assert.equal(await kubectl.ok(['get', 'pods', '-l', 'app=web', '-o', 'name']), '');
        });
      });

      describe('a Pod', () => {
        let followed: ChildProcess | undefined;
        before(async () => {
          const tick = 'trap "exit 0" TERM; echo start; while true; do echo tick; sleep 1; done';
          await kubectl.ok(['run', 'clock', `--image=${SHELL_IMAGE}`, '--', '/bin/sh', '-c', tick]);
          await kubectl.ok(['wait', 'pod/clock', '--for=condition=Ready', WAIT]);
        });
        after(() => followed?.kill());

        it('shows its log while it grows', async () => {
          assert.equal(await kubectl.ok(['logs', 'clock', '--limit-bytes=6']), 'start\n');
          followed = kubectl.start(['logs', '-f', 'clock', '--tail=1']);
          let text = '';
          followed.stdout?.on('data', (chunk) => (text += String(chunk)));
          await until('the next lines', () => (text.match(/^tick$/gm) ?? []).length >= 3);
        });
      });

      describe('a Job and a CronJob', () => {
        it('are created from the command line and complete', async () => {
          await kubectl.ok(['create', 'job', 'once', `--image=${SHELL_IMAGE}`, '--', '/bin/date']);
          await kubectl.ok(['wait', 'job/once', '--for=condition=complete', WAIT]);
          assert.match(await kubectl.ok(['logs', 'job/once']), /\d{4}/);
          // Before 1.21 kubectl creates what batch/v1beta1 called a CronJob.
          if (kubectl.minor < 21) return;
          const every = '--schedule=0 0 1 1 *';
          await kubectl.ok([
            'create',
            'cronjob',
            'yearly',
            `--image=${SHELL_IMAGE}`,
            every,
            '--',
            '/bin/date',
          ]);
          await kubectl.ok(['create', 'job', 'now', '--from=cronjob/yearly']);
          await kubectl.ok(['wait', 'job/now', '--for=condition=complete', WAIT]);
          assert.match(
            await kubectl.ok(['get', 'cronjobs']),
            /yearly +0 0 1 1 \* +(<none> +)?False/,
          );
        });
      });

      describe('a Knative Service', () => {
        const host = (): string => `hello.${namespace}.localhost`;

        it('becomes ready and answers', async () => {
          assert.match(
            await kubectl.apply(service('hi')),
            /service\.serving\.knative\.dev\/hello created/,
          );
          await kubectl.ok(['wait', 'ksvc/hello', '--for=condition=Ready', WAIT]);
          assert.equal((await runtime.http(host(), '/x')).body, 'hi /x\n');
          assert.match(
            await kubectl.ok(['get', 'ksvc']),
            /^hello +http:\/\/hello\.\S+ +hello-00001 +hello-00001 +True/m,
          );
          assert.match(await kubectl.ok(['get', 'rev']), /^hello-00001 +hello +1 +True/m);
          assert.match(
            await kubectl.ok(['describe', 'ksvc', 'hello']),
            /Latest Ready Revision Name: +hello-00001/,
          );
        });

        it('makes a revision of each change, and serves it', async () => {
          await kubectl.apply(service('ahoy'));
          await kubectl.ok(['wait', 'ksvc/hello', '--for=condition=Ready', WAIT]);
          await until(
            'the second revision',
            async () => (await runtime.http(host(), '/y')).body === 'ahoy /y\n',
          );
          assert.equal(
            await get('ksvc', 'hello', '{.status.latestReadyRevisionName}'),
            'hello-00002',
          );
          const same = await kubectl.run(['diff', '-f', '-'], service('ahoy'));
          assert.equal(same.code, 0, same.stdout + same.stderr);
        });

        it('splits its traffic by a patch, and is refused nonsense', async () => {
          const traffic = [
            { revisionName: 'hello-00001', percent: 100, tag: 'old' },
            { latestRevision: true, percent: 0 },
          ];
          const merge = (body: unknown): string[] => [
            'patch',
            'ksvc',
            'hello',
            '--type=merge',
            '-p',
            JSON.stringify(body),
          ];
          await kubectl.ok(merge({ spec: { traffic } }));
          await until(
            'the split',
            async () => (await runtime.http(host(), '/z')).body === 'hi /z\n',
          );
          assert.equal((await runtime.http(`old-${host()}`, '/t')).body, 'hi /t\n');
          const refused = await kubectl.run(
            merge({ spec: { traffic: [{ latestRevision: true, percent: 5 }] } }),
          );
          assert.notEqual(refused.code, 0);
          assert.match(refused.stderr, /Traffic targets sum to 5, want 100: spec\.traffic/);
        });

        it('is deleted with all that it made', async () => {
          await kubectl.ok(['delete', 'ksvc', 'hello']);
          const kinds =
            'configurations.serving.knative.dev,routes.serving.knative.dev,revisions,deployments,pods';
          await until(
            'nothing of it',
            async () =>
              (await kubectl.ok([
                'get',
                kinds,
                '-l',
                'serving.knative.dev/service=hello',
                '-o',
                'name',
              ])) === '',
          );
        });
      });

      describe('a custom kind', () => {
        after(() => kubectl.run(['delete', 'crd', `cafes.${group}`, '--ignore-not-found']));

        it('is established, explained and found by its short name', async () => {
          await kubectl.apply(definition(group));
          await kubectl.ok(['wait', `crd/cafes.${group}`, '--for=condition=Established', WAIT]);
          await kubectl.apply(cafe(group));
          assert.match(await kubectl.ok(['get', `cafes.${group}`]), /^NAME +TABLES\ncorner +3$/m);
          assert.match(
            await kubectl.ok(['api-resources', `--api-group=${group}`]),
            /^cafes +cf +(\S+ +)?true +Cafe$/m,
          );
          assert.match(
            await kubectl.ok(['explain', 'cafe.spec.tables', `--api-version=${group}/v1`]),
            /How many guests can sit\./,
          );
        });

        it('is validated, also for fields that it lacks', async () => {
          const merge = ['patch', `cafe.${group}`, 'corner', '--type=merge', '-p'];
          const small = await kubectl.run([...merge, '{"spec":{"tables":0}}']);
          assert.match(small.stderr, /spec\.tables in body should be greater than or equal to 1/);
          const unknown = await kubectl.run(['apply', '-f', '-'], cafe(group, ', terrace: true'));
          assert.notEqual(unknown.code, 0);
          assert.match(unknown.stderr, /unknown field "(spec\.)?terrace"/);
        });

        it('is scaled, described and deleted', async () => {
          await kubectl.ok(['scale', `cafe.${group}/corner`, '--replicas=7']);
          assert.equal(await get(`cafe.${group}`, 'corner', '{.spec.tables}'), '7');
          assert.match(await kubectl.ok(['describe', `cafe.${group}`, 'corner']), /Tables: +7/);
          await kubectl.ok(['delete', `cafes.${group}`, '--all']);
          await kubectl.ok(['delete', 'crd', `cafes.${group}`]);
          assert.equal(
            await kubectl.ok(['api-resources', `--api-group=${group}`, '-o', 'name']),
            '',
          );
        });
      });

      describe('the rest of what people type', () => {
        it('lists kinds and versions, and explains', async () => {
          const names = (await kubectl.ok(['api-resources', '-o', 'name'])).split('\n');
          for (const name of ['pods', 'deployments.apps', 'services.serving.knative.dev'])
            assert.ok(names.includes(name), name);
          assert.match(await kubectl.ok(['api-versions']), /^serving\.knative\.dev\/v1$/m);
          assert.match(await kubectl.ok(['explain', 'deployment.spec.strategy']), /rollingUpdate/);
          assert.match(
            await kubectl.ok(['explain', 'pod', '--recursive']),
            /terminationMessagePolicy/,
          );
          assert.match(await kubectl.ok(['cluster-info']), /is running at/);
        });

        it('asks what one may', async () => {
          assert.match(await kubectl.ok(['auth', 'can-i', '--list']), /^\*\.\*/m);
          await kubectl.ok(['create', 'serviceaccount', 'robot']);
          await kubectl.ok(['create', 'role', 'reader', '--verb=get,list', '--resource=pods']);
          const subject = `--serviceaccount=${namespace}:robot`;
          await kubectl.ok(['create', 'rolebinding', 'reads', '--role=reader', subject]);
          const as = `--as=system:serviceaccount:${namespace}:robot`;
          assert.equal(await kubectl.ok(['auth', 'can-i', 'list', 'pods', as]), 'yes\n');
          const denied = await kubectl.run(['auth', 'can-i', 'delete', 'pods', as]);
          assert.deepEqual([denied.code, denied.stdout], [1, 'no\n']);
          if (kubectl.minor < 24) return;
          const token = (await kubectl.ok(['create', 'token', 'robot'])).trim();
          const own = await kubectl.run(['get', 'secrets', `--token=${token}`]);
          assert.match(own.stderr, /cannot list resource "secrets"/);
        });

        it('watches, and shows events', async () => {
          const watch = kubectl.start(['get', 'configmaps', '--watch', '-o', 'name']);
          let text = '';
          watch.stdout?.on('data', (chunk) => (text += String(chunk)));
          await until('the first list', () => text.includes('kube-root-ca.crt'));
          await kubectl.ok(['create', 'configmap', 'fresh', '--from-literal=a=b']);
          await until('the new one', () => text.includes('configmap/fresh'));
          watch.kill();
          assert.match(await kubectl.ok(['get', 'events']), /Started +pod\//);
          if (kubectl.minor >= 26) assert.match(await kubectl.ok(['events']), /Started +Pod\//);
        });
      });
    });
  }
});
