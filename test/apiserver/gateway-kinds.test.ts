/** Kinds of the Gateway API as the API server serves them. */
import assert from 'node:assert/strict';

import { type Api, startApi } from './api-harness.ts';

const GROUP = '/apis/gateway.networking.k8s.io';
const GATEWAYS = `${GROUP}/v1/namespaces/default/gateways`;

describe('The kinds of the Gateway API', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  const listener = { name: 'http', port: 80, protocol: 'HTTP' };
  const gateway = (name: string, spec: object): object => ({ metadata: { name }, spec });

  it('are one collection in both versions', async () => {
    const made = await api.request(
      'POST',
      GATEWAYS.replace('/v1/', '/v1beta1/'),
      gateway('both', {
        gatewayClassName: 'knit',
        listeners: [{ ...listener, hostname: '*.a.dev' }],
      }),
    );
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.apiVersion, 'gateway.networking.k8s.io/v1beta1');
    const { body } = await api.request('GET', `${GATEWAYS}/both`);
    assert.equal(body.apiVersion, 'gateway.networking.k8s.io/v1');
    assert.deepEqual(body.spec.listeners, [
      { ...listener, hostname: '*.a.dev', allowedRoutes: { namespaces: { from: 'Same' } } },
    ]);
    const route = { metadata: { name: 'r' }, spec: { parentRefs: [{ name: 'both' }] } };
    const routes = `${GROUP}/v1beta1/namespaces/default/httproutes`;
    assert.equal((await api.request('POST', routes, route)).status, 201);
    assert.equal((await api.request('GET', routes.replace('v1beta1', 'v1'))).body.items.length, 1);
  });

  const refusals: readonly (readonly [string, object, RegExp])[] = [
    ['no class', { listeners: [listener] }, /spec\.gatewayClassName/],
    ['no listener', { gatewayClassName: 'knit', listeners: [] }, /spec\.listeners/],
    [
      'two listeners of one name',
      { gatewayClassName: 'knit', listeners: [listener, listener] },
      /Listener name must be unique within the Gateway/,
    ],
    [
      'a port that is none',
      { gatewayClassName: 'knit', listeners: [{ ...listener, port: 70_000 }] },
      /spec\.listeners\[0\]\.port/,
    ],
    [
      'no protocol',
      { gatewayClassName: 'knit', listeners: [{ name: 'a', port: 80 }] },
      /spec\.listeners\[0\]\.protocol/,
    ],
  ];
  for (const [what, spec, pattern] of refusals)
    it(`refuse a Gateway with ${what}`, async () => {
      const { status, body } = await api.request('POST', GATEWAYS, gateway('bad', spec));
      assert.ok(status === 400 || status === 422, String(status));
      assert.match(body.message, pattern);
    });

  it('keep the controller of a class', async () => {
    const classes = `${GROUP}/v1/gatewayclasses`;
    const wrong = gateway('c', { controllerName: 'knit' });
    assert.match((await api.request('POST', classes, wrong)).body.message, /controllerName/);
    const right = gateway('c', { controllerName: 'knit.dev/gateway' });
    assert.equal((await api.request('POST', classes, right)).status, 201);
    const { body: stored } = await api.request('GET', `${classes}/c`);
    const other = { ...stored, spec: { controllerName: 'other.dev/gateway' } };
    const { body } = await api.request('PUT', `${classes}/c`, other);
    assert.match(body.message, /immutable/);
  });
});
