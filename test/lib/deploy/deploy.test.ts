import assert from 'node:assert/strict';
import { namespaceKind } from '../../../runtime/apis/core/types.ts';
import { triggerKind } from '../../../runtime/apis/eventing/types.ts';
import { httpRouteKind } from '../../../runtime/apis/gateway/types.ts';
import { serviceKind } from '../../../runtime/apis/serving/types.ts';
import { taskRunKind } from '../../../runtime/apis/tekton/types.ts';
import { ServiceDirectory, type OslsResult } from '../run-osls.ts';
import { FAILING_VARIABLE, startTestCluster, type TestCluster } from '../test-cluster.ts';

const namespace = 'shop-dev';
const config = (functions: string): string =>
  `service: shop\nplugins: [serverless-knit]\nprovider: { name: knative }\nfunctions:\n${functions}`;
const hello = (more = ''): string =>
  `  hello:\n    handler: hello.handler\n${more}    events:\n      - httpApi: GET /hello/{name}\n`;
const billing = `  billing:\n    handler: billing.handler\n    events:\n      - trigger: order.created\n`;

// One story: each step builds on the one before, as deployments do.
describe('deployments to a real API server', function () {
  this.timeout(120_000);
  let cluster: TestCluster;
  let directory: ServiceDirectory;

  before(async () => {
    cluster = await startTestCluster();
    directory = new ServiceDirectory({ KNIT_HOME: cluster.home });
    directory.write('hello.mjs', 'export const handler = async () => 1;\n');
    directory.write('billing.mjs', 'export const handler = async () => 2;\n');
    directory.write('serverless.yml', config(hello() + billing));
  });
  after(async () => {
    await cluster.close();
    directory.remove();
  });

  const deploy = async (...args: string[]): Promise<OslsResult> => {
    const result = await directory.sls('deploy', ...args);
    assert.equal(result.status, 0, result.stdout + result.stderr);
    return result;
  };
  const service = async (name: string) => {
    const found = await cluster.client.get(serviceKind, { namespace, name });
    assert.ok(found, `no ksvc ${name}`);
    return found;
  };
  const taskRuns = async (): Promise<number> =>
    (await cluster.client.list(taskRunKind, { namespace })).items.length;
  const timestamps = async (): Promise<string[]> => {
    const { stdout } = await directory.sls('deploy', 'list');
    return [...stdout.matchAll(/timestamp: (\d+)/g)].map(([, id]) => id ?? '');
  };

  it('shows with --dry-run what it would do, and does nothing', async () => {
    const { stdout } = await deploy('--dry-run');
    assert.match(stdout, /^build {3}image of hello, billing$/m);
    assert.match(stdout, /^apply {3}Trigger billing-order-created$/m);
    assert.equal(await cluster.client.get(namespaceKind, { name: namespace }), undefined);
  });

  it('builds one image for functions that share an archive, and applies all objects', async () => {
    const { stderr, stdout } = await deploy();
    assert.match(stderr, /deployed to stage dev: 5 objects changed, 1 image built/);
    assert.match(stderr, /GET - http:\/\/shop-dev\.localhost:8080\/hello\/\{name\} \(hello\)/);
    assert.equal(stdout, '');
    assert.equal(await taskRuns(), 1);
    const images = await Promise.all(
      ['hello', 'billing'].map(
        async (name) => (await service(name)).spec.template.spec.containers[0]?.image,
      ),
    );
    assert.match(
      images[0] ?? '',
      /^knit\.local\/shop-dev\/shared_code-nodejs22\.x@sha256:[0-9a-f]{64}$/,
    );
    assert.equal(images[0], images[1]);
  });

  it('does nothing the second time', async () => {
    const { generation, resourceVersion } = (await service('hello')).metadata;
    const { stderr } = await deploy();
    assert.match(stderr, /Nothing changed in service shop/);
    assert.deepEqual(
      [(await service('hello')).metadata.generation, await taskRuns()],
      [generation, 1],
    );
    assert.equal((await service('hello')).metadata.resourceVersion, resourceVersion);
    assert.equal((await timestamps()).length, 1);
  });

  it('tells what is deployed from the API alone', async () => {
    const { stdout } = await directory.sls('info', '--verbose');
    assert.match(stdout, /hello: http:\/\/hello\.shop-dev\.localhost:8080 \(hello-00001\)/);
    assert.match(stdout, /^Stack Outputs:\n {2}Namespace: shop-dev$/m);
  });

  it('puts back what somebody removed by hand', async () => {
    await cluster.client.delete(httpRouteKind, { namespace, name: 'hello-http' });
    const { stderr } = await deploy();
    assert.match(stderr, /1 objects changed, 0 images built/);
    assert.ok(await cluster.client.get(httpRouteKind, { namespace, name: 'hello-http' }));
  });

  it('builds and rolls out again when one line of code changed', async () => {
    directory.write('hello.mjs', 'export const handler = async () => 10;\n');
    const { stderr } = await deploy();
    assert.match(stderr, /2 objects changed, 1 image built/);
    assert.equal((await service('hello')).metadata.generation, 2);
  });

  it('removes what the service no longer has', async () => {
    directory.write('serverless.yml', config(hello()));
    await deploy();
    const { client } = cluster;
    assert.equal(await client.get(serviceKind, { namespace, name: 'billing' }), undefined);
    assert.deepEqual((await client.list(triggerKind, { namespace })).items, []);
  });

  it('deploys a single function', async () => {
    directory.write('hello.mjs', 'export const handler = async () => 11;\n');
    const { stderr } = await deploy('function', '-f', 'hello');
    assert.match(stderr, /1 objects changed, 1 image built/);
    assert.match(
      (await service('hello')).spec.template.spec.containers[0]?.image ?? '',
      /shop-dev\/hello-nodejs22\.x@/,
    );
  });

  it('fails with the condition, says what goes on serving, and removes nothing', async () => {
    directory.write(
      'serverless.yml',
      config(hello(`    environment: { ${FAILING_VARIABLE}: '1' }\n`) + billing),
    );
    const { status, stdout, stderr } = await directory.sls('deploy');
    assert.equal(status, 1, stderr);
    assert.match(
      stdout,
      /Service "shop-dev\/hello" did not become ready: RevisionFailed: Revision "hello-0000\d" failed/,
    );
    assert.match(stdout, /Revision hello-0000\d goes on serving\./);
    assert.doesNotMatch(stdout, /\n\s+at .*\(/, 'a stack trace');
    assert.deepEqual((await cluster.client.list(triggerKind, { namespace })).items, []);
  });

  it('tries an unchanged function that failed once more', async () => {
    const before = (await service('hello')).metadata.generation ?? 0;
    const { status } = await directory.sls('deploy');
    assert.equal(status, 1);
    assert.equal((await service('hello')).metadata.generation, before + 1);
  });

  it('rolls back to an earlier release without building', async () => {
    const ids = await timestamps();
    const first = ids.at(-1) ?? '';
    const runs = await taskRuns();
    const { status, stdout, stderr } = await directory.sls('rollback', '--timestamp', first);
    assert.equal(status, 0, stdout + stderr);
    assert.equal(await taskRuns(), runs);
    assert.ok(await cluster.client.get(triggerKind, { namespace, name: 'billing-order-created' }));
    assert.match((await directory.sls('deploy', 'list')).stdout, new RegExp(`restores ${first}`));
  });

  it('names the releases that there are when the wanted one is unknown', async () => {
    const { status, stdout } = await directory.sls('rollback', '-t', '1');
    assert.equal(status, 1);
    assert.match(stdout, /no successful release with timestamp 1\. .*sls deploy list/);
  });

  it('leaves nothing behind after remove, which can be repeated', async () => {
    for (const expected of [/removed from stage dev/, /nothing to remove/]) {
      const { status, stdout, stderr } = await directory.sls('remove');
      assert.equal(status, 0, stdout + stderr);
      assert.match(stderr, expected);
    }
    const { client } = cluster;
    assert.deepEqual((await client.list(serviceKind, { namespace })).items, []);
    assert.deepEqual((await client.list(taskRunKind, { namespace })).items, []);
    const { status, stdout } = await directory.sls('info');
    assert.equal(status, 1);
    assert.match(stdout, /Service shop is not deployed to stage dev/);
  });
});
