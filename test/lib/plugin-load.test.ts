import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { list } from 'tar';
import { ServiceDirectory, type OslsResult } from './run-osls.ts';

// A host start takes a second or two, more when other tests use the machine.
describe('the plugin in osls, as a real process', function () {
  this.timeout(60_000);
  let directory: ServiceDirectory;

  before(() => {
    directory = new ServiceDirectory();
    directory.write(
      'src/hello.mjs',
      'export const handler = async (event) => { console.log("a line"); if (event.fail) throw new Error("as asked"); return { got: event, local: process.env.IS_LOCAL, level: process.env.LEVEL }; };\n',
    );
  });
  after(() => directory.remove());

  const sls = (config: string, ...args: string[]): Promise<OslsResult> => {
    directory.write('serverless.yml', config);
    return directory.sls(...args);
  };

  const service = (functions: string, more = ''): string =>
    `service: shop\nplugins: [serverless-knit]\nprovider:\n  name: knative\n${more}functions:\n${functions}`;
  const archivedFiles = (): string[] => {
    const folder = path.join(directory.path, '.serverless');
    const archive = readdirSync(folder).find((name) => name.endsWith('.tar')) ?? '';
    const files: string[] = [];
    list({
      file: path.join(folder, archive),
      sync: true,
      onReadEntry: (entry) => files.push(entry.path),
    });
    return files;
  };
  const hello = `  hello:
    handler: src/hello.handler
    environment: { LEVEL: high }
    events:
      - httpApi: GET /hello/{name}
`;

  it('packages archives that two runs make equal, and a manifest', async () => {
    const manifest = async (): Promise<string> => {
      const { status, stdout, stderr } = await sls(service(hello), 'package');
      assert.equal(status, 0, stdout + stderr);
      assert.equal(stdout, '');
      return readFileSync(path.join(directory.path, '.serverless/knit-package.json'), 'utf8');
    };
    const first = await manifest();
    assert.match(first, /"file": "knit-[0-9a-f]{64}\.tar"/);
    assert.equal(await manifest(), first);
  });

  it('packages what the function imports, and never the framework, this plugin or a history', async () => {
    directory.write('node_modules/used/index.js', '1');
    directory.write('node_modules/osls/index.js', '1');
    directory.write('linked/package/index.js', '1');
    directory.write('linked/package/.git/HEAD', '1');
    symlinkSync(
      path.join(directory.path, 'linked/package'),
      path.join(directory.path, 'node_modules/linked'),
    );
    const { status, stdout, stderr } = await sls(
      `${service(hello)}package: { patterns: ['!home/**', '!linked/**'] }\n`,
      'package',
    );
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(archivedFiles(), [
      'node_modules/linked/index.js',
      'node_modules/used/index.js',
      'src/hello.mjs',
    ]);
    assert.ok(!existsSync(path.join(directory.path, '.serverless/shop.zip')));
  });

  it('makes the zip where another plugin may change it, and takes what it made of it', async () => {
    directory.write(
      'bundler.cjs',
      `module.exports = class Bundler {
        constructor(serverless) {
          this.hooks = { 'after:package:createDeploymentArtifacts': () => {
            const { artifact } = serverless.service.package;
            require('node:fs').copyFileSync(artifact, artifact + '.more');
            serverless.service.package.artifact = '.serverless/shop.zip.more';
          } };
        }
      };`,
    );
    const config = `${service(hello)}package: { patterns: ['!**', 'src/**'] }\n`;
    const { status, stdout, stderr } = await sls(
      config.replace('[serverless-knit]', '[serverless-knit, ./bundler.cjs]'),
      'package',
    );
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(archivedFiles(), ['src/hello.mjs']);
    assert.ok(existsSync(path.join(directory.path, '.serverless/shop.zip.more')));
  });

  it('takes an archive that "package.artifact" names', async () => {
    const config = `${service(hello)}package: { artifact: .serverless/shop.zip.more }\n`;
    const { status, stdout, stderr } = await sls(config, 'package');
    assert.equal(status, 0, stdout + stderr);
    assert.deepEqual(archivedFiles(), ['src/hello.mjs']);
  });

  it('accepts a configuration made for AWS and names every setting without effect', async () => {
    const { status, stdout, stderr } = await sls(
      service(
        `  hello:
    handler: src/hello.handler
    runtime: nodejs18.x
    reservedConcurrency: 5
    role: arn:aws:iam::1:role/x
    vpc: { securityGroupIds: [a], subnetIds: [b] }
    layers: [{ Ref: L }]
    events:
      - http: { path: 'a/{id}', method: get, cors: true }
      - httpApi: '*'
      - schedule: rate(5 minutes)
      - sqs: { arn: { 'Fn::GetAtt': [Q, Arn] }, batchSize: 5 }
      - sns: topic
      - s3: { bucket: b, event: 's3:ObjectCreated:*', rules: [{ prefix: a/ }] }
      - stream: { type: kinesis, arn: x, batchSize: 1 }
      - websocket: $connect
      - eventBridge: { pattern: { source: [a] } }
      - cloudwatchEvent: { event: { source: [a], detail-type: [b] } }
      - cloudwatchLog: /aws/x
      - iot: { sql: SELECT 1 }
      - cognitoUserPool: { pool: p, trigger: PreSignUp }
      - alexaSkill: amzn1.skill
      - alb: { listenerArn: x, priority: 1, conditions: { path: / } }
`,
        `  region: eu-west-1
  memorySize: 512
  iam: { role: { statements: [] } }
  apiGateway: { minimumCompressionSize: 1 }
  tracing: { lambda: true }
  deploymentBucket: { name: x }
  httpApi: { cors: true }
`,
      ) + 'resources: { Resources: { Q: { Type: "AWS::SQS::Queue" } } }\norg: a\n',
      'package',
    );
    assert.equal(status, 0, stdout + stderr);
    for (const name of [
      'provider.iam has no effect',
      'provider.apiGateway has no effect',
      'provider.tracing has no effect',
      'functions.hello.role has no effect',
      'functions.hello.vpc has no effect',
      'functions.hello.layers has no effect',
      'resources has no effect',
      'runtime nodejs18.x',
      'event "sqs" of function "hello" is not deployed yet',
      'event "alexaSkill" of function "hello" is not deployed yet',
    ])
      assert.ok(stderr.includes(name), `no warning "${name}" in:\n${stderr}`);
  });

  const refused: [title: string, config: string, message: RegExp][] = [
    [
      'an unknown setting',
      service('  hello: { handler: src/hello.handler, memroySize: 1 }\n'),
      /functions\.hello' \(serverless\.yml:6\): unrecognized property 'memroySize'/,
    ],
    [
      'an unknown event',
      service('  hello: { handler: src/hello.handler, events: [{ teleport: x }] }\n'),
      /functions\.hello\.events\.0' \(serverless\.yml:6\): unsupported function event/,
    ],
    [
      'a handler whose file is missing, with its line',
      service('  hello:\n    handler: src/nope.handler\n'),
      /serverless\.yml:7: function "hello": handler "src\/nope\.handler" needs one of src\/nope\.js/,
    ],
    [
      'a Dockerfile that is missing, with its line',
      service('  box:\n    handler: box/Dockerfile\n'),
      /serverless\.yml:7: function "box": the Dockerfile "box\/Dockerfile" does not exist/,
    ],
  ];
  for (const [title, config, message] of refused)
    it(`refuses ${title}`, async () => {
      const { status, stdout, stderr } = await sls(config, 'package');
      assert.equal(status, 1);
      assert.match(stdout + stderr, message);
      assert.doesNotMatch(stdout + stderr, /\n\s+at .*\(/, 'a stack trace');
    });

  it('says that the runtime is not running when it deploys, and how to start it', async () => {
    const { status, stdout } = await sls(service(hello), 'deploy');
    assert.equal(status, 1);
    assert.match(stdout, /is not running\. Start it with: npx knit up/);
  });

  it('names the functions that there are when an unknown one is asked for', async () => {
    const { status, stdout } = await sls(service(hello), 'invoke', 'local', '-f', 'nope');
    assert.equal(status, 1);
    assert.match(stdout, /There is no function "nope" in this service\. It has: hello/);
  });

  it('invokes a handler locally: the result alone on stdout, its output on stderr', async () => {
    const { status, stdout, stderr } = await sls(
      service(hello),
      'invoke',
      'local',
      '-f',
      'hello',
      '-d',
      '{"a":1}',
      '--region',
      'eu-west-1',
    );
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { got: { a: 1 }, local: 'true', level: 'high' });
    assert.match(stderr, /a line/);
  });

  it('prints the error object of a handler that throws and exits 1', async () => {
    const { status, stdout } = await sls(
      service(hello),
      'invoke',
      'local',
      '-f',
      'hello',
      '-d',
      '{"fail":true}',
    );
    assert.equal(status, 1);
    const error = JSON.parse(stdout) as { errorType: string; errorMessage: string };
    assert.deepEqual([error.errorType, error.errorMessage], ['Error', 'as asked']);
  });

  it('offers logs without --function', async () => {
    const { status, stdout } = await sls(service(hello), 'logs');
    assert.equal(status, 1);
    assert.match(stdout, /is not running/);
  });
});
