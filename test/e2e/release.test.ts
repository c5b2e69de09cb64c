/**
 * The life of a service beyond its first deployment: deploying again, going back, taking it away.
 * Everything that `sls` says of it comes from the runtime's API alone.
 */
import assert from 'node:assert/strict';
import { Runtime, ServiceFolder, leftovers, until } from './harness.ts';
import type { HostName, Outcome } from './harness.ts';

const major = process.versions.node.split('.')[0];

const config = `service: diary
plugins: [serverless-knit]
provider:
  name: knative
  runtime: nodejs${major}.x
functions:
  page:
    handler: page.handler
    scale: { window: 6s }
    events:
      - httpApi: GET /page
      - schedule: rate(1 day)
`;
const handler = (answer: string): string =>
  `exports.handler = async () => { console.log('wrote ${answer}'); return { answer: '${answer}' }; };\n`;
const textOf = ({ stdout, stderr }: Outcome): string => stdout + stderr;

for (const host of ['osls@4', 'serverless@3.40'] satisfies HostName[])
  describe(`A service deployed by ${host}`, function () {
    this.timeout(240_000);
    const runtime = new Runtime();
    let folder: ServiceFolder;

    before(async () => {
      const up = await runtime.up();
      assert.equal(up.code, 0, up.stderr);
      folder = new ServiceFolder(runtime, { 'serverless.yml': config, 'page.js': handler('v1') });
    });

    after(async () => {
      folder?.remove();
      await runtime.remove();
      assert.deepEqual(await leftovers(runtime.home), []);
    });

    const sls = async (...args: string[]): Promise<Outcome> => {
      const outcome = await folder.sls(host, ...args);
      assert.equal(outcome.code, 0, textOf(outcome));
      return outcome;
    };
    const page = async (): Promise<string> =>
      (await runtime.http('diary-dev.localhost', '/page')).body;

    it('says what a deployment would do, and does none of it', async () => {
      const { stdout } = await sls('deploy', '--dry-run');
      assert.match(stdout, /build {3}image of page/);
      assert.match(stdout, /apply {3}Service page/);
      assert.match(stdout, /apply {3}HTTPRoute /);
      assert.match(stdout, /apply {3}PingSource /);
      assert.deepEqual(await runtime.list('/apis/serving.knative.dev/v1/services'), []);
      assert.equal((await folder.sls(host, 'info')).code, 1);
    });

    it('serves the newer of two versions', async () => {
      await sls('deploy');
      assert.equal(await page(), '{"answer":"v1"}');
      folder.write('page.js', handler('v2'));
      await sls('deploy');
      assert.equal(await page(), '{"answer":"v2"}');
    });

    it('lists both deployments, and the function with its revision', async () => {
      const { stdout } = await sls('deploy', 'list');
      assert.equal(timestamps(stdout).length, 2, stdout);
      assert.match((await sls('deploy', 'list', 'functions')).stdout, /page.*page-00002/s);
    });

    it('goes back to the first by its timestamp, without a build', async () => {
      const [first = ''] = timestamps((await sls('deploy', 'list')).stdout).sort();
      const outcome = await sls('rollback', '--timestamp', first);
      assert.match(textOf(outcome), /0 images built/);
      assert.equal(await page(), '{"answer":"v1"}');
      assert.match(
        (await sls('deploy', 'list')).stdout,
        new RegExp(`deployed, restores ${first} .*current`),
      );
    });

    it('says that there is no release of another time', async () => {
      const { code, ...outcome } = await folder.sls(host, 'rollback', '--timestamp', '1');
      assert.equal(code, 1);
      assert.match(
        textOf({ code, ...outcome }),
        /no successful release with timestamp 1\. .*deploy list/,
      );
    });

    it('shows what it printed while an instance is there, and when all have gone to zero', async () => {
      await page();
      assert.match((await sls('logs', '-f', 'page')).stdout, /^wrote v1$/m);
      await until('zero', async () => (await runtime.list('/api/v1/pods')).length === 0);
      const { stdout: kept } = await sls('logs', '-f', 'page');
      assert.match(kept, /^wrote v1$/m);
      assert.match(kept, /^wrote v2$/m);
      const { stdout } = await sls('info');
      assert.match(stdout, /GET - http:\/\/diary-dev\.localhost:\d+\/page \(page\)/);
      assert.match(stdout, /page: http:\/\/page\.diary-dev\.localhost:\d+ \(page-\d{5}\)/);
    });

    it('is gone after remove, with every object that it had', async () => {
      await sls('remove');
      for (const path of [
        '/apis/serving.knative.dev/v1/services',
        '/apis/serving.knative.dev/v1/revisions',
        '/apis/gateway.networking.k8s.io/v1/httproutes',
        '/apis/sources.knative.dev/v1/pingsources',
        '/apis/tekton.dev/v1/taskruns',
        '/api/v1/namespaces/diary-dev/configmaps',
        '/api/v1/namespaces/diary-dev/secrets',
        '/api/v1/persistentvolumeclaims',
      ]) {
        const left = (await runtime.list(path)).map(({ metadata }) => metadata.name as string);
        assert.deepEqual(left, [], path);
      }
      const namespaces = await runtime.list('/api/v1/namespaces');
      assert.ok(!namespaces.some(({ metadata }) => metadata.name === 'diary-dev'));
      assert.equal((await runtime.http('diary-dev.localhost', '/page')).status, 404);
    });

    it('can be removed again, which says that there is nothing', async () => {
      assert.match(textOf(await sls('remove')), /nothing to remove/);
      for (const command of ['info', 'logs'])
        assert.match(textOf(await folder.sls(host, command)), /is not deployed to stage dev/);
    });
  });

/** Ids of the releases in the output of `deploy list`. */
const timestamps = (text: string): string[] => [...new Set(text.match(/\b\d{13}\b/g) ?? [])];
