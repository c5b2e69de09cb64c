import assert from 'node:assert/strict';
import { eventually, fetchText, World } from './world.ts';

const host = 'hello.shop-dev.localhost';
const revision = 'hello-00001';

describe('metrics of the gateway', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(() => world.close());

  const scrape = (Host: string): ReturnType<typeof fetchText> =>
    fetchText(world.gateway.internalPorts[0]!, { path: '/metrics', headers: { Host } });

  it('counts requests by revision and code, and cold starts by what they waited', async () => {
    world.addService('hello');
    await eventually(() => world.isIngressReady('hello'));
    const cold = fetchText(world.port, { headers: { Host: host } });
    await eventually(() => world.stats.some(({ poke }) => poke));
    const port = await world.upstream((request, response) => {
      response.statusCode = request.url === '/bad' ? 500 : 200;
      response.end('x');
    });
    world.addPod(revision, port);
    await cold;
    for (const path of ['/', '/bad', '/bad'])
      await fetchText(world.port, { path, headers: { Host: host } });
    const { status, headers, body } = await scrape('127.0.0.1:9');
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    const value = (name: string, label = ''): number => {
      const line = body
        .split('\n')
        .find(
          (text) =>
            text.startsWith(`${name}{`) &&
            text.includes('kn_revision_name="hello-00001"') &&
            text.includes(label),
        );
      return Number(line?.slice(line.lastIndexOf(' ') + 1));
    };
    const duration = 'kn_serving_invocation_duration_seconds';
    assert.equal(value(`${duration}_count`, 'http_response_status_code="200"'), 2);
    assert.equal(value(`${duration}_count`, 'http_response_status_code="500"'), 2);
    assert.equal(value(`${duration}_bucket`, 'http_response_status_code="200",le="60"'), 2);
    assert.equal(value('knit_cold_start_duration_seconds_count'), 1);
    assert.ok(value('knit_cold_start_duration_seconds_sum') > 0);
    assert.equal(value('kn_serving_queue_depth'), 0);
    assert.equal(value('kn_revision_request_concurrency'), 0);
    // Every line is a comment or a sample: what Prometheus would refuse as a whole otherwise.
    for (const line of body.trimEnd().split('\n'))
      assert.match(line, /^(?:# (?:HELP|TYPE) \w+ .+|\w+\{(?:\w+="[^"]*",?)+\} [0-9.e+-]+)$/);
  });

  it('are for clients inside, at the name and the addresses of the gateway', async () => {
    assert.equal((await scrape('knit-gateway.knative-serving.svc.cluster.local')).status, 200);
    assert.equal((await scrape('somebody.test')).status, 404);
    const outside = await fetchText(world.port, {
      path: '/metrics',
      headers: { Host: '127.0.0.1' },
    });
    assert.equal(outside.status, 404);
  });
});
