import assert from 'node:assert/strict';
import type {
  HTTPRoute,
  HTTPRouteFilter,
  HTTPRouteRule,
} from '../../../runtime/apis/gateway/types.ts';
import type { HTTPIngressPath, Ingress } from '../../../runtime/apis/networking/types.ts';
import type { Revision, Route } from '../../../runtime/apis/serving/types.ts';
import { GatewayError } from '../../../runtime/gateway/gateway-error.ts';
import { findHeadEnd, parseRequestHead } from '../../../runtime/gateway/http/head.ts';
import type { RequestHead } from '../../../runtime/gateway/http/head.ts';
import { parseDurationMs } from '../../../runtime/gateway/routing/compile-http-route.ts';
import { isInternalPath, normalizeHost } from '../../../runtime/gateway/routing/host.ts';
import { parseInvokePath } from '../../../runtime/gateway/routing/invoke-path.ts';
import type { RevisionDecision } from '../../../runtime/gateway/routing/route.ts';
import { route } from '../../../runtime/gateway/routing/route.ts';
import type { RoutingTable } from '../../../runtime/gateway/routing/table.ts';
import { TableBuilder } from '../../../runtime/gateway/routing/table-builder.ts';
import { keyOf } from '../../../runtime/apis/meta/object.ts';
import { seededRandom } from '../../../runtime/std/random.ts';

const revision = (name: string): Revision => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Revision',
  metadata: { name, namespace: 'ns' },
  spec: { containers: [], timeoutSeconds: 10 },
});

const splits = (percents: Record<string, number>): HTTPIngressPath['splits'] =>
  Object.entries(percents).map(([serviceName, percent]) => ({
    serviceName,
    serviceNamespace: 'ns',
    servicePort: 80,
    percent,
    appendHeaders: { 'Knative-Serving-Revision': serviceName },
  }));

const ingress = (
  name: string,
  paths: HTTPIngressPath[],
  tags: Record<string, string> = {},
): Ingress => ({
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'Ingress',
  metadata: { name, namespace: 'ns', generation: 3 },
  spec: {
    rules: [
      ...Object.entries(tags).map(([tag, target]) => ({
        hosts: [`${tag}-${name}.ns.localhost`],
        visibility: 'ExternalIP' as const,
        http: { paths: [{ splits: splits({ [target]: 100 }) }] },
      })),
      {
        hosts: [`${name}.ns`, `${name}.ns.svc`, `${name}.ns.svc.cluster.local`],
        visibility: 'ClusterLocal',
        http: { paths },
      },
      { hosts: [`${name}.ns.localhost`], visibility: 'ExternalIP', http: { paths } },
    ],
  },
});

const httpRoute = (
  rules: HTTPRouteRule[],
  hostnames = ['api.localhost'],
  name = 'api',
): HTTPRoute => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: { name, namespace: 'ns', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { hostnames, rules },
});

const knativeRoute = (name: string, annotations: Record<string, string> = {}): Route => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Route',
  metadata: { name, namespace: 'ns', annotations },
  spec: {},
  status: { traffic: [{ revisionName: `${name}-1`, percent: 100 }] },
});

const table = (objects: {
  ingresses?: Ingress[];
  httpRoutes?: HTTPRoute[];
  routes?: Route[];
}): RoutingTable => {
  const builder = new TableBuilder();
  for (const object of ['a-1', 'a-2', 'b-1', 'c-1', 'd-1'].map(revision))
    builder.setRevision(keyOf(object.metadata), object);
  for (const object of objects.ingresses ?? []) builder.setIngress(keyOf(object.metadata), object);
  for (const object of objects.httpRoutes ?? [])
    builder.setHttpRoute(keyOf(object.metadata), object);
  for (const object of objects.routes ?? []) builder.setRoute(keyOf(object.metadata), object);
  builder.table.isLoaded = true;
  return builder.table;
};

const head = (line: string, fields: Record<string, string> = {}): RequestHead => {
  const [method = '', url = ''] = line.split(' ');
  const { host, target } = /^(?<host>[^/]*)(?<target>.*)$/.exec(url)!.groups!;
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const bytes = Buffer.from(
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines.join('')}\r\n`,
  );
  return parseRequestHead(bytes, 0, findHeadEnd(bytes, 0));
};

interface Options {
  internal?: boolean;
  fields?: Record<string, string>;
  random?: () => number;
}

const requestOf = (line: string, options: Options = {}) => ({
  head: head(line, options.fields),
  isExternal: options.internal !== true,
  scheme: 'http' as const,
  httpsPort: 8443,
});

function decide(
  on: ReturnType<typeof table>,
  line: string,
  options: Options = {},
): RevisionDecision {
  const request = {
    head: head(line, options.fields),
    isExternal: options.internal !== true,
    scheme: 'http' as const,
    httpsPort: undefined,
    hasBroker: false,
    domain: 'localhost',
  };
  const decision = route(on, request, options.random ?? (() => 0));
  assert.equal(decision.type, 'revision');
  return decision;
}

const target = (on: ReturnType<typeof table>, line: string, options: Options = {}): string => {
  try {
    return decide(on, line, options).revision.key;
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
};

describe('routing by Ingress', () => {
  const tagged = table({
    ingresses: [
      ingress(
        'a',
        [
          { headers: { 'Knative-Serving-Tag': { exact: 'next' } }, splits: splits({ 'a-2': 100 }) },
          {
            appendHeaders: { 'Knative-Serving-Default-Route': 'true' },
            splits: splits({ 'a-1': 90, 'a-2': 10 }),
          },
          { path: '/deep', splits: splits({ 'b-1': 100 }) },
        ],
        { next: 'a-2' },
      ),
    ],
  });

  it('finds hosts in any case, with port and trailing dot', () => {
    for (const host of ['a.ns.localhost', 'A.Ns.LOCALHOST:8080', 'a.ns.localhost.'])
      assert.equal(target(tagged, `GET ${host}/`), 'ns/a-1');
  });

  it('serves cluster-local hosts to the inside only', () => {
    for (const host of ['a.ns', 'a.ns.svc', 'a.ns.svc.cluster.local']) {
      assert.equal(target(tagged, `GET ${host}/`), 'host-not-found');
      assert.equal(target(tagged, `GET ${host}/`, { internal: true }), 'ns/a-1');
    }
  });

  it("sends a tag's host and a tag's header to the tag's target, an unknown tag to the default", () => {
    assert.equal(target(tagged, 'GET next-a.ns.localhost/'), 'ns/a-2');
    const byHeader = (tag: string): string =>
      target(tagged, 'GET a.ns.localhost/', { fields: { 'Knative-Serving-Tag': tag } });
    assert.equal(byHeader('next'), 'ns/a-2');
    assert.equal(byHeader('other'), 'ns/a-1');
  });

  it('prefers the longer path, by whole segments', () => {
    assert.equal(target(tagged, 'GET a.ns.localhost/deep/x'), 'ns/b-1');
    assert.equal(target(tagged, 'GET a.ns.localhost/deeper'), 'ns/a-1');
  });

  it("appends fields, but not those for Knative's own data plane", () => {
    const { changes } = decide(tagged, 'GET a.ns.localhost/');
    assert.deepEqual(changes.set, [['knative-serving-default-route', 'true']]);
  });

  it('splits by percent: of 10,000 requests about 1,000 go to the 10 percent', () => {
    const random = seededRandom(42);
    let count = 0;
    for (let index = 0; index < 10_000; index++)
      if (target(tagged, 'GET a.ns.localhost/', { random }) === 'ns/a-2') count += 1;
    assert.ok(count > 900 && count < 1_100, String(count));
  });

  it("says Knative's text for a revision that is gone", () => {
    const gone = table({ ingresses: [ingress('a', [{ splits: splits({ 'a-9': 100 }) }])] });
    assert.throws(
      () => decide(gone, 'GET a.ns.localhost/'),
      /^GatewayError: Error getting active endpoint: /,
    );
  });

  it('answers 503 until the first lists are in', () => {
    const empty = new TableBuilder().table;
    assert.equal(target(empty, 'GET a.ns.localhost/'), 'not-ready');
  });

  it('tells a prober the hash of the Ingress, as Go would compute it', () => {
    const answer = (fields: Record<string, string>) => {
      const request = {
        ...requestOf('GET a.ns.localhost/', { fields }),
        domain: '',
        hasBroker: false,
      };
      const decision = route(tagged, request, () => 0);
      return decision.type === 'answer' ? decision.answer : undefined;
    };
    const override = answer({ 'K-Network-Probe': 'probe', 'K-Network-Hash': 'override' });
    assert.equal(override?.status, 200);
    assert.deepEqual(override.headers, [
      ['K-Network-Hash', tagged.external.get('a.ns.localhost')!.paths[0]!.probeHash()],
    ]);
    const own = answer({ 'K-Network-Probe': 'probe', 'K-Network-Hash': 'abc' });
    assert.deepEqual(own?.headers, [['K-Network-Hash', 'abc']]);
    assert.equal(answer({ 'K-Network-Probe': 'probe' })?.status, 400);
    assert.equal(answer({}), undefined);
  });

  it('sends clients outside to HTTPS where the Ingress says so', () => {
    const secure = ingress('a', [{ splits: splits({ 'a-1': 100 }) }]);
    secure.spec.httpOption = 'Redirected';
    const redirected = table({ ingresses: [secure] });
    const request = { ...requestOf('GET a.ns.localhost:8080/x?y'), domain: '', hasBroker: false };
    const decision = route(redirected, request, () => 0);
    assert.ok(decision.type === 'answer');
    assert.equal(decision.answer.status, 301);
    assert.deepEqual(decision.answer.headers, [['Location', 'https://a.ns.localhost:8443/x?y']]);
    assert.equal(route(redirected, { ...request, scheme: 'https' }, () => 0).type, 'revision');
    assert.equal(target(redirected, 'GET a.ns/', { internal: true }), 'ns/a-1');
  });

  it('knows the generation of every Ingress that it holds', () => {
    assert.deepEqual([...tagged.ingresses], [['ns/a', 3]]);
  });
});

describe('routing by HTTPRoute', () => {
  const services = ['a', 'b', 'c', 'd'].map((name) =>
    ingress(name, [{ splits: splits({ [`${name}-1`]: 100 }) }]),
  );
  const to = (name: string): Pick<HTTPRouteRule, 'backendRefs'> => ({ backendRefs: [{ name }] });
  const on = (rules: HTTPRouteRule[], hostnames?: string[]): ReturnType<typeof table> =>
    table({ ingresses: services, httpRoutes: [httpRoute(rules, hostnames)] });

  it('prefers exact paths, then expressions, then the longer prefix, in any order of rules', () => {
    const rules: HTTPRouteRule[] = [
      { matches: [{ path: { type: 'PathPrefix', value: '/' } }], ...to('d') },
      { matches: [{ path: { type: 'PathPrefix', value: '/items' } }], ...to('c') },
      { matches: [{ path: { type: 'RegularExpression', value: '/items/[^/]+' } }], ...to('b') },
      { matches: [{ path: { type: 'Exact', value: '/items/1' } }], ...to('a') },
    ];
    for (const order of [rules, rules.toReversed()]) {
      const routes = on(order);
      assert.equal(target(routes, 'GET api.localhost/items/1?x'), 'ns/a-1');
      assert.equal(target(routes, 'GET api.localhost/items/2'), 'ns/b-1');
      assert.equal(target(routes, 'GET api.localhost/items/2/3'), 'ns/c-1');
      assert.equal(target(routes, 'GET api.localhost/itemsets'), 'ns/d-1');
    }
  });

  it('prefers a method, then more header conditions, then more query conditions', () => {
    const path = { type: 'Exact' as const, value: '/x' };
    const routes = on([
      { matches: [{ path }], ...to('a') },
      { matches: [{ path, queryParams: [{ name: 'q', value: '1' }] }], ...to('b') },
      { matches: [{ path, headers: [{ name: 'X-H', value: '1' }] }], ...to('c') },
      { matches: [{ path, method: 'POST' }], ...to('d') },
    ]);
    const fields = { 'X-H': '1' };
    assert.equal(target(routes, 'GET api.localhost/x'), 'ns/a-1');
    assert.equal(target(routes, 'GET api.localhost/x?q=1'), 'ns/b-1');
    assert.equal(target(routes, 'GET api.localhost/x?q=1', { fields }), 'ns/c-1');
    assert.equal(target(routes, 'POST api.localhost/x?q=1', { fields }), 'ns/d-1');
  });

  it('comes before the Ingress of the same host and leaves it the rest', () => {
    const routes = on([{ matches: [{ path: { value: '/x' } }], ...to('b') }], ['a.ns.localhost']);
    assert.equal(target(routes, 'GET a.ns.localhost/x'), 'ns/b-1');
    assert.equal(target(routes, 'GET a.ns.localhost/y'), 'ns/a-1');
  });

  it('takes the most specific host name', () => {
    const routes = table({
      ingresses: services,
      httpRoutes: [
        httpRoute([to('a')], ['*.example.com'], 'one'),
        httpRoute([to('b')], ['*.deep.example.com'], 'two'),
        httpRoute([to('c')], ['x.deep.example.com'], 'three'),
        httpRoute([to('d')], [], 'four'),
      ],
    });
    assert.equal(target(routes, 'GET x.example.com/'), 'ns/a-1');
    assert.equal(target(routes, 'GET y.deep.example.com/'), 'ns/b-1');
    assert.equal(target(routes, 'GET x.deep.example.com/'), 'ns/c-1');
    assert.equal(target(routes, 'GET example.com/'), 'ns/d-1');
  });

  it('rewrites host and path', () => {
    const rewrite = (match: HTTPRouteRule['matches'], path: object): string => {
      const filter = { type: 'URLRewrite' as const, urlRewrite: { hostname: 'in.side', path } };
      const routes = on([
        { ...(match && { matches: match }), filters: [filter as never], ...to('a') },
      ]);
      const decision = decide(routes, 'GET api.localhost/v1/x?q');
      assert.equal(decision.host, 'in.side');
      return decision.target;
    };
    const prefix = [{ path: { type: 'PathPrefix' as const, value: '/v1' } }];
    const replace = (value: string): object => ({
      type: 'ReplacePrefixMatch',
      replacePrefixMatch: value,
    });
    assert.equal(rewrite(prefix, replace('/v2')), '/v2/x?q');
    assert.equal(rewrite(prefix, replace('/')), '/x?q');
    assert.equal(
      rewrite(undefined, { type: 'ReplaceFullPath', replaceFullPath: '/all' }),
      '/all?q',
    );
  });

  it('splits by weight', () => {
    const routes = on([
      {
        backendRefs: [
          { name: 'a', weight: 3 },
          { name: 'b', weight: 1 },
          { name: 'c', weight: 0 },
        ],
      },
    ]);
    const random = seededRandom(1);
    const counts: Record<string, number> = {};
    for (let index = 0; index < 1_000; index++) {
      const key = target(routes, 'GET api.localhost/', { random });
      counts[key] = (counts[key] ?? 0) + 1;
    }
    assert.deepEqual(Object.keys(counts).sort(), ['ns/a-1', 'ns/b-1']);
    assert.ok(counts['ns/a-1']! > 700 && counts['ns/a-1']! < 800);
  });

  it('answers 500 for a backend that is not there and for a filter that is not known', () => {
    assert.equal(target(on([to('nobody')]), 'GET api.localhost/'), 'backend-not-found');
    const filters = [{ type: 'ExtensionRef' as const }];
    assert.equal(target(on([{ filters, ...to('a') }]), 'GET api.localhost/'), 'filter-unsupported');
  });

  describe('with RequestRedirect', () => {
    const location = (
      requestRedirect: NonNullable<HTTPRouteFilter['requestRedirect']>,
      line: string,
      matches: HTTPRouteRule['matches'] = [{ path: { type: 'PathPrefix', value: '/old' } }],
    ): string => {
      const filters = [{ type: 'RequestRedirect' as const, requestRedirect }];
      const request = { ...requestOf(line), domain: 'localhost', hasBroker: false };
      const decision = route(on([{ matches, filters }]), request, () => 0);
      assert.equal(decision.type, 'answer');
      return `${decision.answer.status} ${decision.answer.headers[0]![1]}`;
    };
    const rows: readonly (readonly [Parameters<typeof location>[0], string, string])[] = [
      [{}, 'GET api.localhost/old/a?b', '302 http://api.localhost/old/a?b'],
      [{ statusCode: 301 }, 'GET api.localhost:8080/old', '301 http://api.localhost:8080/old'],
      [{ scheme: 'https' }, 'GET api.localhost:8080/old', '302 https://api.localhost/old'],
      [
        { scheme: 'https', port: 8443 },
        'GET api.localhost/old',
        '302 https://api.localhost:8443/old',
      ],
      [{ port: 80 }, 'GET api.localhost/old', '302 http://api.localhost/old'],
      [{ hostname: 'b.test' }, 'GET api.localhost/old', '302 http://b.test/old'],
      [
        { path: { type: 'ReplaceFullPath', replaceFullPath: '/new' } },
        'GET api.localhost/old/a?b',
        '302 http://api.localhost/new?b',
      ],
      [
        { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' } },
        'GET api.localhost/old/a?b',
        '302 http://api.localhost/new/a?b',
      ],
    ];
    for (const [redirect, line, expected] of rows)
      it(`sends ${line} with ${JSON.stringify(redirect)} to ${expected}`, () => {
        assert.equal(location(redirect, line), expected);
      });
  });

  it('applies the filters of the backend that was chosen after those of the rule', () => {
    const add = (name: string) => ({
      type: 'RequestHeaderModifier' as const,
      requestHeaderModifier: { add: [{ name, value: '1' }] },
    });
    const routes = on([
      { filters: [add('rule')], backendRefs: [{ name: 'a', filters: [add('backend')] }] },
    ]);
    assert.deepEqual(decide(routes, 'GET api.localhost/').changes.add, [
      ['rule', '1'],
      ['backend', '1'],
    ]);
  });

  it('mirrors the share of requests that it is told to', () => {
    const mirror = (rest: {
      percent?: number;
      fraction?: { numerator: number; denominator: number };
    }) =>
      on([
        {
          filters: [
            { type: 'RequestMirror', requestMirror: { backendRef: { name: 'b' }, ...rest } },
          ],
          ...to('a'),
        },
      ]);
    const mirrored = (routes: RoutingTable, random: number): string | undefined =>
      decide(routes, 'GET api.localhost/', { random: () => random }).mirror?.key;
    assert.equal(mirrored(mirror({}), 0.99), 'ns/b-1');
    assert.equal(mirrored(mirror({ percent: 10 }), 0.05), 'ns/b-1');
    assert.equal(mirrored(mirror({ percent: 10 }), 0.5), undefined);
    assert.equal(mirrored(mirror({ fraction: { numerator: 1, denominator: 2 } }), 0.4), 'ns/b-1');
  });

  it('leads to the port of a Service that is no Route', () => {
    const builder = new TableBuilder();
    builder.table.isLoaded = true;
    builder.setService('ns/plain', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'plain', namespace: 'ns' },
      spec: {
        ports: [
          { name: 'http', port: 80 },
          { name: 'grpc', port: 81 },
        ],
      },
    });
    builder.setHttpRoute(
      'ns/api',
      httpRoute([
        {
          matches: [{ path: { type: 'Exact', value: '/g' } }],
          backendRefs: [{ name: 'plain', port: 81 }],
        },
        { backendRefs: [{ name: 'plain', port: 80 }] },
      ]),
    );
    const plain = decide(builder.table, 'GET api.localhost/').revision;
    assert.deepEqual(
      [plain.key, plain.protocol, plain.isRevision],
      ['ns/plain:80', 'http1', false],
    );
    const grpc = decide(builder.table, 'GET api.localhost/g').revision;
    assert.deepEqual([grpc.key, grpc.protocol], ['ns/plain:81', 'h2c']);
    builder.setService('ns/plain', undefined);
    assert.equal(target(builder.table, 'GET api.localhost/'), 'backend-not-found');
  });

  it('leaves out a match whose expression is broken, and fields that would break a head', () => {
    const filter = {
      type: 'RequestHeaderModifier' as const,
      requestHeaderModifier: {
        set: [
          { name: 'A', value: 'b\r\nC: d' },
          { name: 'E', value: 'f' },
        ],
      },
    };
    const routes = on([
      { matches: [{ path: { type: 'RegularExpression', value: '(' } }], ...to('a') },
      { filters: [filter], ...to('b') },
    ]);
    assert.deepEqual(decide(routes, 'GET api.localhost/').changes.set, [['e', 'f']]);
  });
});

describe('routing of the Invoke API', () => {
  const path = (name: string): string => `/2015-03-31/functions/${name}/invocations`;
  const on = table({
    ingresses: [ingress('a', [{ splits: splits({ 'a-1': 100 }) }])],
    routes: [knativeRoute('a', { 'knit.dev/function-name': 'first' })],
  });

  it("answers on every host that is not a service's", () => {
    assert.equal(target(on, `POST localhost${path('first')}`), 'ns/a-1');
    assert.equal(target(on, `POST lambda.eu-west-1.amazonaws.com${path('ns-a')}`), 'ns/a-1');
    assert.equal(decide(on, `POST a.ns.localhost${path('first')}`).invocation, undefined);
  });

  it('takes the qualifier from the query, as the SDKs send it', () => {
    assert.equal(target(on, `POST localhost${path('first')}?Qualifier=a-1`), 'ns/a-1');
    assert.equal(target(on, `POST localhost${path('first')}?Qualifier=nope`), 'function-not-found');
    assert.equal(target(on, `POST localhost${path('first')}?Qualifier=%24LATEST`), 'ns/a-1');
  });

  it('sends plain containers the payload at their root', () => {
    assert.equal(decide(on, `POST localhost${path('first')}`).target, '/');
  });

  it('refuses an unknown invocation type', () => {
    const fields = { 'X-Amz-Invocation-Type': 'Never' };
    assert.equal(target(on, `POST localhost${path('first')}`, { fields }), 'bad-request');
  });

  it('reads names and ARNs', () => {
    const read = (name: string): unknown => parseInvokePath(path(name));
    assert.deepEqual(read('f'), { name: 'f', qualifier: undefined });
    assert.deepEqual(read('f:3'), { name: 'f', qualifier: '3' });
    assert.deepEqual(read('ns%2Ff'), { name: 'ns/f', qualifier: undefined });
    assert.deepEqual(read('123456789012:function:f:q'), { name: 'f', qualifier: 'q' });
    assert.deepEqual(read('arn:aws:lambda:r:123456789012:function:f'), {
      name: 'f',
      qualifier: undefined,
    });
    assert.equal(read('%zz'), undefined);
    assert.equal(read('a:b:c'), undefined);
    assert.equal(parseInvokePath('/2015-03-31/functions//invocations'), undefined);
  });
});

describe('hosts and paths', () => {
  it('normalizes hosts', () => {
    assert.equal(normalizeHost('A.B:80'), 'a.b');
    assert.equal(normalizeHost('[::1]:80'), '[::1]');
    assert.equal(normalizeHost('[::1]'), '[::1]');
  });

  it('sees internal paths through their disguises', () => {
    for (const path of [
      '/_knit/',
      '/_knit',
      '/_KNIT/x',
      '/%5Fknit/x',
      '/%255Fknit/x',
      '//_knit/x',
      '/./_knit/x',
      '/a/../_knit/x',
      '/a/%2e%2e/_knit/x',
      '/\\_knit/x',
      '/_knit;a=b/x',
      '/_k%6eit/x',
    ])
      assert.equal(isInternalPath(path), true, path);
    for (const path of ['/', '/knit', '/a/_knit/', '/_knitting', '/%', '/_'])
      assert.equal(isInternalPath(path), false, path);
  });

  it('reads durations', () => {
    assert.equal(parseDurationMs('1m30s'), 90_000);
    assert.equal(parseDurationMs('250ms'), 250);
    assert.equal(parseDurationMs('soon'), 0);
  });
});
