import assert from 'node:assert/strict';
import { compileService } from '../../../lib/compile/compile-service.ts';
import { matchPath } from '../../../lib/compile/events/http.ts';
import type { KubeObject } from '../../../runtime/apis/meta/object.ts';
import { makeModel } from '../make-model.ts';

const labels = { 'knit.dev/service': 'shop', 'knit.dev/stage': 'dev' };
const image = 'knit.local/shop-dev/hello@sha256:ab';

const compile = (raw: Record<string, unknown>, provider = {}): readonly KubeObject[] =>
  compileService(makeModel({ hello: raw }, provider), { hello: image });

const eventObjects = (event: unknown, raw: Record<string, unknown> = { handler: 'a.b' }) =>
  compile({ ...raw, events: [event] })
    .filter(({ apiVersion, kind }) => kind !== 'Broker' && !apiVersion.startsWith('serving'))
    .map(({ kind, metadata, ...rest }) => ({
      kind,
      name: metadata.name,
      spec: (rest as unknown as { spec: unknown }).spec,
    }));

const subscriber = (uri?: string) => ({
  ref: {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    name: 'hello',
    namespace: 'shop-dev',
  },
  ...(uri === undefined ? {} : { uri }),
});

describe('a function as a Knative Service', () => {
  it('carries limits, scale and environment, and nothing that changes between deployments', () => {
    const [service] = compile(
      {
        handler: 'src/hello.handler',
        memorySize: 256,
        timeout: 30,
        concurrency: 10,
        style: 'lambda',
        scale: { min: 0, max: 20, metric: 'concurrency', target: 7, window: '60s' },
        environment: { LOG_LEVEL: 'debug' },
      },
      { environment: { LOG_LEVEL: 'info', AWS_REGION: 'eu-west-1' } },
    );
    assert.deepEqual(service, {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: {
        name: 'hello',
        namespace: 'shop-dev',
        labels,
        annotations: { 'knit.dev/function-name': 'shop-dev-hello' },
      },
      spec: {
        template: {
          metadata: {
            annotations: {
              'autoscaling.knative.dev/max-scale': '20',
              'autoscaling.knative.dev/metric': 'concurrency',
              'autoscaling.knative.dev/min-scale': '0',
              'autoscaling.knative.dev/target': '7',
              'autoscaling.knative.dev/window': '60s',
              'knit.dev/runtime': 'nodejs22.x',
              'serving.knative.dev/progress-deadline': '30s',
            },
          },
          spec: {
            containerConcurrency: 10,
            timeoutSeconds: 30,
            containers: [
              {
                name: 'user-container',
                image,
                env: [
                  { name: 'AWS_DEFAULT_REGION', value: 'us-east-1' },
                  { name: 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE', value: '256' },
                  { name: 'AWS_LAMBDA_FUNCTION_NAME', value: 'shop-dev-hello' },
                  { name: 'AWS_LAMBDA_FUNCTION_VERSION', value: '$LATEST' },
                  { name: 'AWS_REGION', value: 'eu-west-1' },
                  { name: 'KNIT_NAMESPACE', value: 'shop-dev' },
                  { name: 'KNIT_STYLE', value: 'lambda' },
                  { name: 'KNIT_TIMEOUT_SECONDS', value: '30' },
                  { name: 'LOG_LEVEL', value: 'debug' },
                  { name: '_HANDLER', value: 'src/hello.handler' },
                ],
                resources: { limits: { memory: '256Mi' } },
              },
            ],
          },
        },
      },
    });
  });

  it('gives a plain container its own environment only, and longer to get ready', () => {
    const [service] = compile({ image: 'acme/app:1', environment: { A: '1' } });
    const { template } = (service as unknown as { spec: { template: Record<string, unknown> } })
      .spec;
    assert.deepEqual(template, {
      metadata: { annotations: { 'serving.knative.dev/progress-deadline': '120s' } },
      spec: {
        containerConcurrency: 0,
        containers: [
          {
            name: 'user-container',
            image,
            env: [{ name: 'A', value: '1' }],
            resources: { limits: { memory: '1024Mi' } },
          },
        ],
      },
    });
  });

  it('is the same whatever the order of settings in serverless.yml', () => {
    const a = compile({ handler: 'a.b', environment: { A: '1', B: '2' } });
    const b = compile({ environment: { B: '2', A: '1' }, handler: 'a.b' });
    assert.equal(JSON.stringify(a), JSON.stringify(b));
  });
});

describe('paths of routes', () => {
  const rows: [path: string, type: string, value: string][] = [
    ['/hello', 'Exact', '/hello'],
    ['/', 'Exact', '/'],
    ['/hello/{name}', 'RegularExpression', '^/hello/[^/]+$'],
    ['/v1.0/{proxy+}', 'RegularExpression', '^/v1\\.0/.+$'],
    ['$default', 'PathPrefix', '/'],
  ];
  for (const [path, type, value] of rows)
    it(`match ${path} by ${type} ${value}`, () =>
      assert.deepEqual(matchPath(path), { type, value }));
});

describe('events', () => {
  it('http and httpApi become rules of one HTTPRoute on the host of the service', () => {
    const [route] = compile({
      handler: 'a.b',
      events: [{ httpApi: 'GET /hello/{name}' }, { http: { path: 'v1', method: 'any' } }],
    }).filter(({ kind }) => kind === 'HTTPRoute');
    const rule = (match: unknown, source: string, key: string) => ({
      matches: [match],
      filters: [
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: {
            set: [
              { name: 'Knit-Event-Source', value: source },
              { name: 'Knit-Route-Key', value: key },
            ],
          },
        },
      ],
      backendRefs: [{ name: 'hello', port: 80 }],
    });
    assert.equal(route?.metadata.name, 'hello-http');
    assert.deepEqual((route as unknown as { spec: unknown }).spec, {
      parentRefs: [{ name: 'knit-gateway', namespace: 'knative-serving' }],
      hostnames: ['shop-dev.localhost'],
      rules: [
        rule(
          { path: { type: 'RegularExpression', value: '^/hello/[^/]+$' }, method: 'GET' },
          'httpApi',
          'GET /hello/{name}',
        ),
        rule({ path: { type: 'Exact', value: '/v1' } }, 'http', 'ANY /v1'),
      ],
    });
  });

  it('more than 16 routes are split, as Gateway API allows no more in one HTTPRoute', () => {
    const events = Array.from({ length: 17 }, (_, index) => ({ httpApi: `GET /r${index}` }));
    const names = compile({ handler: 'a.b', events })
      .filter(({ kind }) => kind === 'HTTPRoute')
      .map(({ metadata }) => metadata.name);
    assert.deepEqual(names, ['hello-http', 'hello-http-2']);
  });

  const rows: [title: string, event: unknown, objects: unknown][] = [
    [
      'schedule becomes a PingSource',
      { schedule: { rate: 'rate(5 minutes)', input: { a: 1 }, timezone: 'UTC' } },
      [
        {
          kind: 'PingSource',
          name: 'hello-schedule',
          spec: {
            schedule: '*/5 * * * *',
            timezone: 'UTC',
            contentType: 'application/json',
            data: '{"a":1}',
            sink: subscriber('/_knit/event/schedule'),
          },
        },
      ],
    ],
    [
      "ping and the old plugin's cron become PingSources",
      { cron: { schedule: '* * * * *', data: 'hi' } },
      [
        {
          kind: 'PingSource',
          name: 'hello-schedule',
          spec: {
            schedule: '* * * * *',
            contentType: 'application/json',
            data: '"hi"',
            sink: subscriber('/_knit/event/schedule'),
          },
        },
      ],
    ],
    [
      'trigger becomes a Trigger with exact attributes and filters',
      {
        trigger: {
          type: 'com.acme.order.created',
          attributes: { region: 'eu' },
          filters: [{ cesql: 'total > 100' }],
          delivery: { retry: 3 },
        },
      },
      [
        {
          kind: 'Trigger',
          name: 'hello-com-acme-order-created',
          spec: {
            broker: 'default',
            filters: [
              { exact: { type: 'com.acme.order.created', region: 'eu' } },
              { cesql: 'total > 100' },
            ],
            subscriber: subscriber('/_knit/event/trigger'),
            delivery: { retry: 3 },
          },
        },
      ],
    ],
    [
      'trigger on another broker names it',
      { trigger: { broker: 'audit' } },
      [
        {
          kind: 'Trigger',
          name: 'hello-trigger-audit',
          spec: { broker: 'audit', subscriber: subscriber('/_knit/event/trigger') },
        },
      ],
    ],
    [
      'eventBridge becomes a Trigger with the pattern as filters',
      {
        eventBridge: {
          pattern: {
            source: ['acme.orders', { prefix: 'acme.test.' }],
            'detail-type': [{ 'anything-but': 'Deleted' }],
          },
        },
      },
      [
        {
          kind: 'Trigger',
          name: 'hello-trigger',
          spec: {
            broker: 'default',
            filters: [
              { any: [{ exact: { source: 'acme.orders' } }, { prefix: { source: 'acme.test.' } }] },
              { not: { exact: { type: 'Deleted' } } },
            ],
            subscriber: subscriber('/_knit/event/eventBridge'),
          },
        },
      ],
    ],
    [
      "the old plugin's custom becomes a Trigger",
      { custom: { filter: { attributes: { type: 'a.b' } } } },
      [
        {
          kind: 'Trigger',
          name: 'hello-a-b',
          spec: {
            broker: 'default',
            filters: [{ exact: { type: 'a.b' } }],
            subscriber: subscriber('/_knit/event/trigger'),
          },
        },
      ],
    ],
  ];
  for (const [title, event, objects] of rows)
    it(title, () => assert.deepEqual(eventObjects(event), objects));

  it('reach a plain container at its root', () => {
    const [source] = eventObjects({ schedule: '@hourly' }, { image: 'a:1' });
    assert.ok(source);
    assert.deepEqual((source.spec as { sink: unknown }).sink, subscriber());
  });

  it('of equal type get numbered names, and a broker each exactly once', () => {
    const objects = compile({
      handler: 'a.b',
      events: [{ trigger: 'x.y' }, { trigger: 'x.y' }, { trigger: { type: 'x.y', broker: 'b' } }],
    });
    const names = (kind: string): string[] =>
      objects.filter((object) => object.kind === kind).map(({ metadata }) => metadata.name);
    assert.deepEqual(names('Trigger'), ['hello-x-y', 'hello-x-y-2', 'hello-x-y-b']);
    assert.deepEqual(names('Broker'), ['b', 'default']);
  });

  it('keep the names of triggers when another trigger is added before them', () => {
    const names = (events: unknown[]): string[] =>
      compile({ handler: 'a.b', events })
        .filter(({ kind }) => kind === 'Trigger')
        .map(({ metadata }) => metadata.name);
    assert.deepEqual(
      names([{ trigger: 'new' }, { trigger: 'old' }]).slice(1),
      names([{ trigger: 'old' }]),
    );
  });

  it('need no broker when none subscribes', () => {
    assert.deepEqual(
      compile({ handler: 'a.b' }).map(({ kind }) => kind),
      ['Service'],
    );
  });
});
