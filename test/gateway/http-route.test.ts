import assert from 'node:assert/strict';
import { coreServiceKind } from '../../runtime/apis/core/types.ts';
import { endpointSliceKind } from '../../runtime/apis/discovery/types.ts';
import type { HTTPRouteRule } from '../../runtime/apis/gateway/types.ts';
import { httpRouteKind } from '../../runtime/apis/gateway/types.ts';
import { eventually, fetchText, namespace, World } from './world.ts';

const host = 'api.test';

describe('gateway by HTTPRoute', () => {
  let world: World;
  beforeEach(async () => {
    world = await World.start();
  });
  afterEach(() => world.close());

  const putRoute = (rules: HTTPRouteRule[]): void => {
    world.api.put(httpRouteKind, {
      metadata: { name: 'api', namespace },
      spec: { parentRefs: [{ name: 'knit' }], hostnames: [host], rules },
    });
  };

  const conditions = (): string[] =>
    (world.api.get(httpRouteKind, namespace, 'api')?.status?.parents ?? []).flatMap((parent) =>
      parent.conditions.map(({ type, status, reason }) => `${type}=${status} ${reason ?? ''}`),
    );

  const putService = (name: string, port: number, targets: number[]): void => {
    world.api.put(coreServiceKind, {
      metadata: { name, namespace },
      spec: { ports: [{ port, name: 'http' }] },
    });
    world.api.put(endpointSliceKind, {
      metadata: { name: `${name}-x`, namespace, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: targets.length > 0 ? [{ addresses: ['127.0.0.1'] }] : [],
      ports: [{ name: 'http', port: targets[0] ?? 1 }],
    });
  };

  it('leads to the endpoints of a plain Service, and follows them', async () => {
    const one = await world.upstream((_, response) => void response.end('one'));
    const two = await world.upstream((_, response) => void response.end('two'));
    putService('plain', 80, [one]);
    putRoute([{ backendRefs: [{ name: 'plain', port: 80 }] }]);
    const ask = async (): Promise<string> => {
      const { status, body } = await fetchText(world.port, { headers: { Host: host } });
      return status === 200 ? body : String(status);
    };
    await untilAsync(async () => (await ask()) === 'one');
    putService('plain', 80, [two]);
    await untilAsync(async () => (await ask()) === 'two');
    putService('plain', 80, []);
    await untilAsync(async () => (await ask()) === '503');
  });

  it('says in its status that it is accepted and whether its backends exist', async () => {
    putRoute([{ backendRefs: [{ name: 'plain', port: 80 }] }]);
    await eventually(
      () => conditions().join() === 'Accepted=True Accepted,ResolvedRefs=False BackendNotFound',
    );
    putService('plain', 80, []);
    await eventually(
      () => conditions().join() === 'Accepted=True Accepted,ResolvedRefs=True ResolvedRefs',
    );
    const status = world.api.get(httpRouteKind, namespace, 'api')?.status?.parents?.[0];
    assert.equal(status?.controllerName, 'knit.dev/gateway');
    assert.deepEqual(status.parentRef, { name: 'knit' });
  });

  it('answers a redirect itself', async () => {
    putRoute([
      {
        filters: [
          { type: 'RequestRedirect', requestRedirect: { hostname: 'new.test', statusCode: 308 } },
        ],
      },
    ]);
    await eventually(() => conditions().length > 0);
    const answer = await fetchText(world.port, {
      method: 'POST',
      path: '/a',
      headers: { Host: host },
      body: 'thrown away',
    });
    assert.equal(answer.status, 308);
    assert.equal(answer.headers.location, 'http://new.test/a');
  });

  it('sends a mirror the same request, and never waits for it', async () => {
    const copies: string[] = [];
    const main = await world.upstream((request, response) => void request.pipe(response));
    // Takes the request and never answers.
    const copy = await world.upstream((request) => {
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => copies.push(`${request.method} ${request.url} ${body}`));
    });
    putService('main', 80, [main]);
    putService('copy', 80, [copy]);
    putRoute([
      {
        filters: [
          { type: 'RequestMirror', requestMirror: { backendRef: { name: 'copy', port: 80 } } },
        ],
        backendRefs: [{ name: 'main', port: 80 }],
      },
    ]);
    await eventually(() => conditions().includes('ResolvedRefs=True ResolvedRefs'));
    for (const body of ['one', 'two']) {
      const answer = await fetchText(world.port, {
        method: 'POST',
        path: '/x',
        headers: { Host: host },
        body,
      });
      assert.equal(answer.body, body);
    }
    await eventually(() => copies.length === 2);
    assert.deepEqual(copies, ['POST /x one', 'POST /x two']);
  });
});

async function untilAsync(test: () => Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 5));
}
