import assert from 'node:assert/strict';
import { makeModel, parse } from '../make-model.ts';

const one = (raw: Record<string, unknown>, provider = {}) => {
  const [fn] = makeModel({ hello: raw }, provider).functions;
  assert.ok(fn);
  return fn;
};

describe('the namespace', () => {
  const rows: [provider: Record<string, unknown>, namespace: string][] = [
    [{}, 'shop-dev'],
    [{ k8s: { namespace: 'old' } }, 'old'],
    [{ namespace: 'new', k8s: { namespace: 'old' } }, 'new'],
  ];
  for (const [provider, namespace] of rows)
    it(`is ${namespace} for ${JSON.stringify(provider)}`, () =>
      assert.equal(makeModel({}, provider).namespace, namespace));
});

describe('what a function is made from', () => {
  const rows: [title: string, raw: Record<string, unknown>, source: Record<string, unknown>][] = [
    [
      'a handler',
      { handler: 'src/a.handler' },
      { type: 'handler', handler: 'src/a.handler', runtime: 'nodejs22.x' },
    ],
    [
      'a Python handler',
      { handler: 'app.main', runtime: 'python3.12' },
      { type: 'handler', handler: 'app.main', runtime: 'python3' },
    ],
    [
      'a handler with a colon, as in the old plugin',
      { handler: 'ghcr.io:443/acme/app@sha256:ab' },
      { type: 'image', image: 'ghcr.io:443/acme/app@sha256:ab' },
    ],
    [
      'a handler that names a Dockerfile, as in the old plugin',
      { handler: 'code/hello.dockerfile', context: './code' },
      { type: 'dockerfile', dockerfile: 'code/hello.dockerfile', context: 'code', buildArgs: {} },
    ],
    ['an image', { image: 'acme/app:1' }, { type: 'image', image: 'acme/app:1' }],
    [
      'an image with a command',
      { image: { uri: 'acme/app:1', entryPoint: ['/bin/app'], command: 'a, b' } },
      { type: 'image', image: 'acme/app:1', command: ['/bin/app'], args: ['a', 'b'] },
    ],
    [
      'an image built from a directory',
      { image: { path: './app', file: 'prod.Dockerfile', buildArgs: { A: 1 } } },
      {
        type: 'dockerfile',
        dockerfile: 'app/prod.Dockerfile',
        context: 'app',
        buildArgs: { A: '1' },
      },
    ],
  ];
  for (const [title, raw, source] of rows)
    it(`is ${title}`, () => assert.deepEqual(one(raw).source, source));

  it('is an image that provider.ecr.images names', () => {
    const provider = { ecr: { images: { base: { uri: 'acme/base:2' } } } };
    const expected = { type: 'image', image: 'acme/base:2' };
    assert.deepEqual(one({ image: { name: 'base' } }, provider).source, expected);
    assert.deepEqual(one({ image: 'base' }, provider).source, expected);
  });

  const refused: [title: string, raw: Record<string, unknown>, code: string][] = [
    ['neither handler nor image', {}, 'KNIT_NO_SOURCE'],
    ['both', { handler: 'a.b', image: 'c:1' }, 'KNIT_AMBIGUOUS_SOURCE'],
    ['a runtime without an image', { handler: 'a.b', runtime: 'ruby3.3' }, 'KNIT_UNKNOWN_RUNTIME'],
    ['a Dockerfile outside the service', { handler: '../Dockerfile' }, 'KNIT_PATH_OUTSIDE_SERVICE'],
    ['an unknown image name', { image: { name: 'nope' } }, 'KNIT_UNKNOWN_IMAGE'],
  ];
  for (const [title, raw, code] of refused)
    it(`is refused with ${code} when it has ${title}`, () => {
      assert.throws(
        () => one(raw),
        (error: { code?: string; message: string; name: string }) =>
          error.code === code &&
          error.message.includes('hello') &&
          error.name === 'ServerlessError',
      );
    });

  it('runs an old Node.js runtime on nodejs22.x, with a warning', () => {
    const { model, warnings } = parse({ hello: { handler: 'a.b', runtime: 'nodejs14.x' } });
    assert.equal(
      model.functions[0]?.source.type === 'handler' && model.functions[0].source.runtime,
      'nodejs22.x',
    );
    assert.match(warnings.join(), /functions\.hello asks for runtime nodejs14\.x/);
  });
});

describe('names', () => {
  it('are lower case with dashes', () => {
    const names = makeModel({ helloWorld_v2: { image: 'a:1' } }).functions.map(({ name }) => name);
    assert.deepEqual(names, ['helloworld-v2']);
  });

  it('that collide are refused, naming both functions', () => {
    assert.throws(
      () => makeModel({ sendMail: { image: 'a:1' }, sendmail: { image: 'a:1' } }),
      /"sendMail" and "sendmail" both become the Knative service "sendmail"/,
    );
  });

  it('without a letter are refused', () => {
    assert.throws(() => makeModel({ '123': { image: 'a:1' } }), /function "123"/);
  });
});

describe('limits', () => {
  it('default to those of AWS for handlers', () => {
    const fn = one({ handler: 'a.b' });
    assert.deepEqual([fn.timeoutSeconds, fn.memoryMiB, fn.concurrency], [6, 1024, 0]);
  });

  it('leave the timeout of a plain container to Knative', () => {
    assert.equal(one({ image: 'a:1' }).timeoutSeconds, undefined);
  });

  it('cap a timeout at the 600 s of Knative, with a warning', () => {
    const { model, warnings } = parse({ hello: { handler: 'a.b', timeout: 900 } });
    assert.equal(model.functions[0]?.timeoutSeconds, 600);
    assert.match(warnings.join(), /functions\.hello\.timeout is 900 s/);
  });

  const rows: [raw: Record<string, unknown>, scale: Record<string, unknown>][] = [
    [{}, {}],
    [{ provisionedConcurrency: 2 }, { min: 2 }],
    [{ reservedConcurrency: 10 }, { max: 10 }],
    [{ reservedConcurrency: 10, concurrency: 4 }, { max: 3 }],
    [{ reservedConcurrency: 10, scale: { max: 5 } }, { max: 5 }],
    [
      { scale: { window: 60, target: 7, metric: 'rps' } },
      { window: '60s', target: 7, metric: 'rps' },
    ],
    [{ scale: { window: '1m30s' } }, { window: '1m30s' }],
  ];
  for (const [raw, scale] of rows)
    it(`scale as ${JSON.stringify(scale)} for ${JSON.stringify(raw)}`, () =>
      assert.deepEqual(one({ image: 'a:1', ...raw }).scale, scale));

  it('that contradict each other are refused', () => {
    assert.throws(
      () => one({ image: 'a:1', scale: { min: 3, max: 2 } }),
      /functions\.hello\.scale/,
    );
    assert.throws(
      () => one({ image: 'a:1', scale: { window: 'soon' } }),
      /"soon" is not a duration/,
    );
  });
});

describe('the environment', () => {
  it("takes the function's value over the provider's, as strings", () => {
    const fn = one(
      { image: 'a:1', environment: { B: 2, C: true, D: null } },
      { environment: { A: 'a', B: 'b' } },
    );
    assert.deepEqual(fn.environment, { A: 'a', B: '2', C: 'true' });
  });

  it('reports a CloudFormation value instead of passing "[object Object]" on', () => {
    const { model, warnings } = parse({
      hello: { image: 'a:1', environment: { TABLE: { Ref: 'Table' } } },
    });
    assert.deepEqual(model.functions[0]?.environment, {});
    assert.match(warnings.join(), /functions\.hello\.environment\.TABLE/);
  });
});

describe('what has no effect', () => {
  it('is named, each setting once', () => {
    const { warnings } = parse(
      { a: { image: 'a:1', vpc: { x: 1 } }, b: { image: 'a:1', vpc: { x: 1 }, traffic: { a: 1 } } },
      { iam: { role: 'x' } },
    );
    assert.equal(warnings.length, 3);
    assert.match(warnings[0] ?? '', /^provider\.iam has no effect/);
    assert.match(warnings[1] ?? '', /^functions\.a\.vpc, functions\.b\.vpc has no effect/);
    assert.match(warnings[2] ?? '', /^functions\.b\.traffic has no effect/);
  });
});

describe('events', () => {
  const warningsOf = (event: unknown): readonly string[] =>
    parse({ hello: { image: 'a:1', events: [event] } }).warnings;

  for (const name of ['sqs', 'sns', 's3', 'stream', 'websocket', 'kafka', 'alb', 'alexaSkill'])
    it(`of kind ${name} are reported as not deployed yet`, () => {
      assert.match(
        warningsOf({ [name]: 'x' }).join(),
        new RegExp(`event "${name}" of function "hello" is not deployed yet`),
      );
    });

  it('behind an authorizer are not served rather than served to everybody', () => {
    const { model, warnings } = parse({
      hello: {
        image: 'a:1',
        events: [{ httpApi: { path: '/a', method: 'get', authorizer: 'x' } }],
      },
    });
    assert.deepEqual(model.functions[0]?.events, []);
    assert.match(warnings.join(), /would be open to everybody/);
  });

  it('with an event pattern that would have to be widened are not deployed', () => {
    const pattern = { source: ['a'], detail: { state: ['x'] } };
    assert.match(warningsOf({ eventBridge: { pattern } }).join(), /pattern on "detail"/);
  });

  const invalid: [event: unknown, message: RegExp][] = [
    [{ httpApi: 'GET' }, /functions\.hello\.events\[0\] \(httpApi\)/],
    [{ http: 'FETCH /a' }, /method "FETCH"/],
    [{ http: 'GET /a{b}' }, /mixes a parameter with text/],
    [{ http: 'GET /{a+}/b' }, /must come last/],
    [{ teleport: 'x' }, /"teleport" is not an event/],
    [{ trigger: { attributes: { 'Not-Valid': 'x' } } }, /trigger attribute "Not-Valid"/],
  ];
  for (const [event, message] of invalid)
    it(`such as ${JSON.stringify(event)} are refused`, () => {
      assert.throws(() => warningsOf(event), message);
    });
});
