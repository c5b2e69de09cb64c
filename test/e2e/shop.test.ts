/** The whole thing: the example shop, deployed by both hosts, called, scaled to zero, and killed at. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runtime, ServiceFolder, leftovers, repository, until } from './harness.ts';
import type { HostName } from './harness.ts';

/** The example as it is, but for the plugin's name and the Node.js that can be had without network. */
function exampleConfig(): string {
  const major = process.versions.node.split('.')[0];
  return readFileSync(join(repository, 'serverless.example.yml'), 'utf8')
    .replace('./dist/lib/index.js', 'serverless-knit')
    .replace('nodejs22.x', `nodejs${major}.x`);
}

describe('The example shop on a local runtime', function () {
  this.timeout(240_000);
  const runtime = new Runtime();
  let folder: ServiceFolder;
  const api = 'shop-dev.localhost';

  before(async () => {
    folder = new ServiceFolder(runtime, { 'serverless.yml': exampleConfig() });
    folder.copyFrom('examples', 'examples');
    const major = process.versions.node.split('.')[0];
    const dockerfile = 'examples/shop/recommender/Dockerfile';
    folder.write(
      dockerfile,
      readFileSync(join(repository, dockerfile), 'utf8').replace('nodejs22.x', `nodejs${major}.x`),
    );
    const up = await runtime.up();
    assert.equal(up.code, 0, up.stderr);
  });

  after(async () => {
    folder?.remove();
    await runtime.remove();
    assert.deepEqual(await leftovers(runtime.home), []);
  });

  const namesOf = async (path: string): Promise<string[]> =>
    (await runtime.list(path)).map(({ metadata }) => metadata.name as string).sort();
  const revisions = (): Promise<string[]> =>
    namesOf('/apis/serving.knative.dev/v1/namespaces/shop-dev/revisions');
  const taskRuns = (): Promise<string[]> =>
    namesOf('/apis/tekton.dev/v1/namespaces/shop-dev/taskruns');
  const podsOf = (name: string) =>
    runtime.list(
      `/api/v1/namespaces/shop-dev/pods?labelSelector=serving.knative.dev/service=${name}`,
    );

  describe('knit status', () => {
    it('prints what the contract says', async () => {
      const status = await runtime.status();
      assert.deepEqual(Object.keys(status).sort(), [
        'api',
        'broker',
        'dashboard',
        'driver',
        'gateway',
        'gatewayTls',
        'home',
        'kubeconfig',
        'processes',
        'running',
        'uptimeSeconds',
        'version',
      ]);
      assert.equal(status['running'], true);
      assert.equal(status['driver'], 'oci');
      const names = (status['processes'] as { name: string }[]).map(({ name }) => name);
      assert.deepEqual(names, ['supervisor', 'control', 'gateway', 'broker']);
    });

    it('exits 3 where nothing runs', async () => {
      const other = new Runtime();
      assert.equal((await other.knit('status', '--json')).code, 3);
      await other.remove();
    });

    it('is preceded by a second knit up that says so and exits 0', async () => {
      const again = await runtime.knit('up');
      assert.equal(again.code, 0);
      assert.match(again.stderr, /runs already/);
    });
  });

  for (const host of ['osls@4', 'serverless@3.40'] satisfies HostName[]) {
    describe(`deployed by ${host}`, () => {
      it('deploys, and the command says where everything is', async () => {
        const deployed = await folder.sls(host, 'deploy');
        assert.equal(deployed.code, 0, deployed.stdout + deployed.stderr);
        const info = await folder.sls(host, 'info');
        assert.equal(info.code, 0, info.stdout + info.stderr);
        assert.match(info.stdout + info.stderr, /shop-dev\.localhost:\d+/);
      });

      it('serves the HTTP API with path parameters', async () => {
        const product = await runtime.http(api, '/products/espresso');
        assert.deepEqual(
          [product.status, JSON.parse(product.body)],
          [200, { id: 'espresso', price: 2.5 }],
        );
        const review = await runtime.http(api, '/products/tea/reviews', {
          method: 'POST',
          body: '{"stars":5}',
        });
        assert.deepEqual(
          [review.status, JSON.parse(review.body)],
          [201, { product: 'tea', stars: 5 }],
        );
        assert.equal((await runtime.http(api, '/nothing/here')).status, 404);
      });

      it('answers sls invoke with the result on standard output and nothing else there', async () => {
        const invoked = await folder.sls(host, 'invoke', '-f', 'restock', '-d', '{}');
        assert.equal(invoked.code, 0, invoked.stderr);
        assert.deepEqual(JSON.parse(invoked.stdout), { restocked: ['espresso', 'mocha', 'tea'] });
      });

      it('serves the container from the Dockerfile', async () => {
        const answer = await runtime.http(`recommender.${api}`, '/');
        assert.equal(answer.status, 200, answer.body);
      });

      it('does nothing when nothing changed: no build, no revision', async () => {
        const before = [await revisions(), await taskRuns()];
        const again = await folder.sls(host, 'deploy');
        assert.equal(again.code, 0, again.stdout + again.stderr);
        assert.deepEqual([await revisions(), await taskRuns()], before);
      });
    });
  }

  describe('its events', () => {
    const hasLine = async (name: string, text: string): Promise<boolean> => {
      const lines = (await folder.sls('osls@4', 'logs')).stdout.split('\n');
      return lines.some((line) => line.startsWith(`[${name}] `) && line.includes(text));
    };

    it('reach the functions whose filters match, and only those, and replies go on', async () => {
      const send = async (order: string, total: number): Promise<string> => {
        const sent = await runtime.knit(
          ...['events', 'send', 'com.example.order.created', '-n', 'shop-dev'],
          ...['-d', JSON.stringify({ order, total }), '--ext', `total=${total}`],
        );
        assert.equal(sent.code, 0, sent.stderr);
        return sent.stdout.trim();
      };
      const large = await send('E-1', 120);
      const small = await send('E-2', 20);
      await until('the large order in billing', () => hasLine('billing', large));
      await until('its invoice in mailer', () => hasLine('mailer', 'I-E-1'));
      await until('the small order in audit', () => hasLine('audit', small));
      assert.ok(!(await hasLine('billing', small)));
      assert.ok(!(await hasLine('audit', large)));
      assert.ok(!(await hasLine('mailer', 'E-2')));
    });

    it('are refused with the reason when they are no CloudEvents', async () => {
      const response = await fetch(`${runtime.broker}/shop-dev/default`, {
        method: 'POST',
        body: 'hello',
      });
      assert.equal(response.status, 400);
      assert.notEqual((await response.text()).trim(), '');
    });
  });

  describe('without traffic', () => {
    it('goes to zero, and a call from zero is answered', async () => {
      await runtime.http(api, '/products/tea');
      await until('billing at zero', async () => (await podsOf('billing')).length === 0);
      await until('catalog at zero', async () => (await podsOf('catalog')).length === 0);
      const logs = await folder.sls('osls@4', 'logs', '-f', 'billing', '--filter', 'E-1');
      assert.match(logs.stdout, /E-1/, 'the output of billing went with its instance');
      const answer = await runtime.http(api, '/products/tea');
      assert.equal(answer.status, 200, answer.body);
    });
  });

  describe('when a process is killed with SIGKILL', () => {
    it('control: the gateway goes on serving, pods are adopted, deployments are still there', async () => {
      await runtime.http(api, '/products/tea');
      const [pod] = await podsOf('catalog');
      process.kill(await runtime.pidOf('control'), 'SIGKILL');
      const answer = await runtime.http(api, '/products/tea');
      assert.equal(answer.status, 200, answer.body);
      await until('control is back', async () => (await podsOf('catalog')).length > 0);
      const uids = (await podsOf('catalog')).map(({ metadata }) => metadata.uid as string);
      assert.ok(uids.includes(pod?.['metadata'].uid), 'the pod was not adopted');
      const info = await folder.sls('osls@4', 'info');
      assert.equal(info.code, 0, info.stdout + info.stderr);
    });

    it('gateway: it is restarted on the same port and serves', async () => {
      process.kill(await runtime.pidOf('gateway'), 'SIGKILL');
      await until(
        'the gateway answers',
        async () => (await runtime.http(api, '/products/tea')).status === 200,
      );
    });

    it('broker: an event that was acknowledged before is delivered after', async () => {
      const sent = await runtime.knit(
        ...['events', 'send', 'com.example.order.created', '-n', 'shop-dev'],
        ...['-d', '{"order":"K-1","total":500}', '--ext', 'total=500'],
      );
      process.kill(await runtime.pidOf('broker'), 'SIGKILL');
      assert.equal(sent.code, 0, sent.stderr);
      await until('the event in billing', async () =>
        (await folder.sls('osls@4', 'logs', '-f', 'billing')).stdout.includes(sent.stdout.trim()),
      );
    });

    it('all of them: knit up adopts the pods that went on running, and serves from them', async () => {
      assert.equal((await runtime.http(api, '/products/tea')).status, 200);
      const [pod] = await podsOf('catalog');
      await killEverything();
      const up = await runtime.up();
      assert.equal(up.code, 0, up.stderr);
      assert.equal((await runtime.http(api, '/products/tea')).status, 200);
      const uids = (await podsOf('catalog')).map(({ metadata }) => metadata.uid as string);
      assert.ok(uids.includes(pod?.['metadata'].uid), 'the pod was not adopted');
    });

    it('all of them: knit down alone ends every container and leaves nothing', async () => {
      assert.equal((await runtime.http(api, '/products/tea')).status, 200);
      await killEverything();
      const down = await runtime.knit('down');
      assert.equal(down.code, 0, down.stderr);
      assert.match(down.stderr, /was not running/);
      assert.deepEqual(await leftovers(runtime.home), []);
    });

    it('and what was deployed is there again after the next knit up', async () => {
      const up = await runtime.up();
      assert.equal(up.code, 0, up.stderr);
      assert.equal((await runtime.http(api, '/products/tea')).status, 200);
    });

    /** The supervisor first, so that it restarts nobody. */
    async function killEverything(): Promise<void> {
      const { processes } = (await runtime.status()) as { processes: { pid: number }[] };
      for (const { pid } of processes) process.kill(pid, 'SIGKILL');
      await until('every process is gone', () => processes.every(({ pid }) => !isAlive(pid)));
    }
  });
});

/** A zombie has ended; somebody else is to reap it. */
function isAlive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
