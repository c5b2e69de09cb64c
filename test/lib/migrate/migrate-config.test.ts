import assert from 'node:assert/strict';
import { parse } from 'yaml';

import { migrateConfig } from '../../../lib/migrate/migrate-config.ts';
import { countSettings } from '../../../lib/migrate/setting.ts';

const base = 'service: shop\nprovider:\n  name: aws\n  runtime: nodejs20.x\n';

/** The migrated configuration as data, and the verdict of each path. */
function migrate(text: string) {
  const { text: output, settings } = migrateConfig(text, 'serverless.yml');
  const verdicts = Object.fromEntries(settings.map((one) => [one.path, one]));
  return { output, config: parse(output) as Record<string, any>, verdicts, settings };
}

describe('A migrated configuration', () => {
  it('has the provider knative and the plugin, and everything else as it was', () => {
    const { output, verdicts } = migrate(
      `# All of it\nservice: shop # by name\nprovider:\n  name: aws\n  runtime: nodejs20.x\n\nfunctions:\n  # says hello\n  hello:\n    handler: hello.handler\n`,
    );
    assert.equal(
      output,
      `# All of it\nservice: shop # by name\nplugins:\n  - serverless-knit\nprovider:\n  name: knative\n  runtime: nodejs20.x\n\nfunctions:\n  # says hello\n  hello:\n    handler: hello.handler\n`,
    );
    assert.equal(verdicts['provider.name']?.status, 'mapped');
    assert.equal(verdicts['functions.hello.handler']?.status, 'kept');
    assert.equal(verdicts['functions.hello.handler']?.line, 10);
  });

  it('is the same when it is migrated again', () => {
    const once = migrate(`${base}plugins: [serverless-offline, serverless-esbuild]\n`).output;
    assert.equal(migrate(once).output, once);
  });

  it('counts every setting once', () => {
    const { settings } = migrate(
      `${base}app: x\ncustom: { a: 1, b: [1, 2], c: {} }\npackage: { include: [a], individually: true }\n`,
    );
    const { read, kept, mapped, dropped, manual } = countSettings(settings);
    assert.equal(read, kept + mapped + dropped + manual);
    assert.equal(new Set(settings.map(({ path }) => path)).size, read);
    // service, provider.name, provider.runtime, app, custom.a|b|c, package.include|individually
    assert.equal(read, 9);
  });

  it('takes the name of the object form of service', () => {
    const { config, verdicts } = migrate(
      'service: { name: shop, awsKmsKeyArn: x }\nprovider: aws\n',
    );
    assert.equal(config['service'], 'shop');
    assert.deepEqual(config['provider'], { name: 'knative' });
    assert.equal(verdicts['service.awsKmsKeyArn']?.status, 'dropped');
  });

  for (const name of ['app', 'org', 'frameworkVersion', 'variablesResolutionMode'])
    it(`drops ${name} with a reason`, () => {
      const { config, verdicts } = migrate(`${base}${name}: '3'\n`);
      assert.equal(name in config, false);
      assert.equal(verdicts[name]?.status, 'dropped');
      assert.notEqual(verdicts[name]?.reason, '');
    });

  it('keeps the comment that opens the file when its first setting goes', () => {
    assert.match(migrate(`# The shop\norg: acme\n${base}`).output, /^# The shop\n\nservice/);
  });

  it('drops what only AWS has, and says why', () => {
    const { config, verdicts } = migrate(
      `${base}  vpc: { subnetIds: [a] }\n  iamRoleStatements: [{ Effect: Allow }]\nfunctions:\n  f: { handler: a.b, role: x }\n`,
    );
    assert.deepEqual(config['provider'], { name: 'knative', runtime: 'nodejs20.x' });
    assert.deepEqual(config['functions'], { f: { handler: 'a.b' } });
    assert.match(verdicts['provider.vpc']?.reason ?? '', /network/);
    assert.match(verdicts['functions.f.role']?.reason ?? '', /no IAM/);
  });

  it('makes patterns of include and exclude, in the order that AWS gives them', () => {
    const { config, verdicts } = migrate(
      `${base}package:\n  include: [src/keep.js]\n  exclude: ['src/**', '!src/b.js']\n`,
    );
    assert.deepEqual(config['package'], { patterns: ['!src/**', 'src/b.js', 'src/keep.js'] });
    assert.equal(verdicts['package.exclude']?.status, 'mapped');
  });

  it('keeps patterns that are there behind those that it makes', () => {
    const { config } = migrate(`${base}package:\n  patterns: [b]\n  include: [a]\n`);
    assert.deepEqual(config['package'], { patterns: ['a', 'b'] });
  });

  describe('of runtimes', () => {
    const rows: readonly (readonly [string, string, string])[] = [
      ['nodejs22.x', 'nodejs22.x', 'kept'],
      ['nodejs6.10', 'nodejs20.x', 'mapped'],
      ['nodejs18.x', 'nodejs20.x', 'mapped'],
      ['python3.8', 'python3.8', 'kept'],
      ['python2.7', 'python3.11', 'mapped'],
      ['provided.al2', 'provided.al2', 'kept'],
      ['go1.x', 'go1.x', 'manual'],
      ['java17', 'java17', 'manual'],
      ['ruby3.2', 'ruby3.2', 'manual'],
    ];
    for (const [asked, written, status] of rows)
      it(`${asked} is ${status === 'kept' ? 'kept' : status === 'mapped' ? `written as ${written}` : 'left to do by hand'}`, () => {
        const { config, verdicts } = migrate(
          `service: s\nprovider: { name: aws, runtime: ${asked} }\n`,
        );
        assert.equal(config['provider'].runtime, written);
        assert.equal(verdicts['provider.runtime']?.status, status);
      });
  });

  describe('of events', () => {
    const withEvents = (events: string): ReturnType<typeof migrate> =>
      migrate(`${base}functions:\n  f:\n    handler: a.b\n    events:\n${events}`);

    it('keeps routes and schedules', () => {
      const { config, settings } = withEvents(
        '      - httpApi: GET /a\n      - http: { path: b, method: get }\n      - schedule: rate(1 hour)\n',
      );
      assert.equal(config['functions'].f.events.length, 3);
      assert.deepEqual(
        settings.filter(({ path }) => path.includes('events')).map(({ status }) => status),
        ['kept', 'kept', 'kept'],
      );
    });

    it('takes out a route with an authorizer rather than leave it open', () => {
      const { config, verdicts } = withEvents(
        '      - httpApi: GET /a\n      - http: { path: b, method: get, authorizer: aws_iam }\n',
      );
      assert.deepEqual(config['functions'].f.events, [{ httpApi: 'GET /a' }]);
      assert.equal(verdicts['functions.f.events[1]']?.status, 'manual');
      assert.match(verdicts['functions.f.events[1]']?.reason ?? '', /authorizer/);
    });

    it('says what to do about each that is not deployed, and leaves no empty list', () => {
      const { config, verdicts } = withEvents(
        '      - sqs: !GetAtt Jobs.Arn\n      - alexaSkill\n',
      );
      assert.equal('events' in config['functions'].f, false);
      for (const index of [0, 1]) {
        assert.equal(verdicts[`functions.f.events[${index}]`]?.status, 'manual');
        assert.notEqual(verdicts[`functions.f.events[${index}]`]?.todo ?? '', '');
      }
    });

    it('names what a route asks for beyond its path', () => {
      const { verdicts } = withEvents('      - http: { path: b, method: get, cors: true }\n');
      assert.equal(verdicts['functions.f.events[0]']?.status, 'kept');
      assert.equal(verdicts['functions.f.events[0].http.cors']?.status, 'manual');
    });
  });

  describe('of CloudFormation', () => {
    const resources = `resources:
  Resources:
    Users: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: 'users-\${sls:stage}' } }
    Jobs: { Type: 'AWS::SQS::Queue', Properties: { QueueName: jobs } }
    Role: { Type: 'AWS::IAM::Role' }
    Odd: { Type: 'AWS::New::Thing' }
  Outputs: { Url: { Value: x } }
`;
    const withValue = (value: string): ReturnType<typeof migrate> =>
      migrate(`service: s\nprovider:\n  name: aws\n  environment:\n    A: ${value}\n${resources}`);

    const rows: readonly (readonly [string, string])[] = [
      ['!Ref Users', 'users-${sls:stage}'],
      ['{ Ref: Users }', 'users-${sls:stage}'],
      ['!GetAtt Jobs.QueueName', 'jobs'],
      ["{ 'Fn::GetAtt': [Jobs, QueueName] }", 'jobs'],
      ['!Ref AWS::Region', 'us-east-1'],
      ["!Sub 'arn:${AWS::Partition}:x/${Users}'", 'arn:aws:x/users-${sls:stage}'],
      ["!Join ['/', [a, !Ref Users]]", 'a/users-${sls:stage}'],
    ];
    for (const [value, expected] of rows)
      it(`finds the value of ${value}`, () => {
        const { config, output, verdicts } = withValue(value);
        assert.equal(config['provider'].environment.A, expected);
        assert.doesNotMatch(output, /!Ref|!GetAtt|!Sub|!Join/);
        assert.equal(verdicts['provider.environment.A']?.status, 'mapped');
      });

    for (const value of [
      '!Ref Jobs',
      '!GetAtt Users.Arn',
      '!ImportValue other',
      "!Sub '${Jobs}'",
      '!Ref Nothing',
    ])
      it(`leaves ${value} to do by hand`, () => {
        const { config, verdicts } = withValue(value);
        assert.equal('A' in (config['provider'].environment ?? {}), false);
        assert.equal(verdicts['provider.environment.A']?.status, 'manual');
      });

    it('gives each resource one verdict, by its type', () => {
      const { config, verdicts } = withValue('x');
      assert.equal('resources' in config, false);
      assert.match(verdicts['resources.Resources.Users']?.todo ?? '', /AWS_ENDPOINT_URL_DYNAMODB/);
      assert.equal(verdicts['resources.Resources.Jobs']?.status, 'manual');
      assert.equal(verdicts['resources.Resources.Role']?.status, 'dropped');
      assert.equal(verdicts['resources.Resources.Odd']?.status, 'manual');
      assert.equal(verdicts['resources.Outputs']?.status, 'dropped');
    });
  });

  describe('of variables', () => {
    it('that AWS resolves asks for them from the environment, defaults kept', () => {
      const { config, verdicts } = migrate(
        `${base}  environment:\n    A: \${ssm:/prod/db/password~true}\n    B: \${cf:net-\${sls:stage}.Url, 'x'}\n    C: "\${aws:accountId}-\${self:service}"\n`,
      );
      assert.equal(config['provider'].environment.A, '${env:PROD_DB_PASSWORD}');
      assert.equal(config['provider'].environment.B, "${env:NET_URL, 'x'}");
      assert.equal(config['provider'].environment.C, '000000000000-${self:service}');
      assert.equal(verdicts['provider.environment.A']?.status, 'manual');
      assert.equal(verdicts['provider.environment.C']?.status, 'mapped');
    });

    it('adds the stage that AWS would have had by default', () => {
      const { config } = migrate(`${base}custom: { name: 'a-\${self:provider.stage}' }\n`);
      assert.equal(config['provider'].stage, "${opt:stage, 'dev'}");
    });
  });

  it('keeps plugins that need no AWS, drops those that mean nothing, and leaves others to judge', () => {
    const { config, verdicts } = migrate(
      `${base}plugins:\n  - serverless-esbuild\n  - serverless-offline\n  - some-plugin\n  - serverless-domain-manager\n`,
    );
    assert.deepEqual(config['plugins'], ['serverless-knit', 'serverless-esbuild', 'some-plugin']);
    assert.equal(verdicts['plugins[1]']?.status, 'dropped');
    assert.equal(verdicts['plugins[2]']?.status, 'manual');
    assert.match(verdicts['plugins[3]']?.todo ?? '', /provider.domain/);
  });

  it('limits a timeout to what Knative has', () => {
    const { config, verdicts } = migrate(
      `${base}functions: { f: { handler: a.b, timeout: 900 } }\n`,
    );
    assert.equal(config['functions'].f.timeout, 600);
    assert.equal(verdicts['functions.f.timeout']?.status, 'manual');
  });

  it('says of parts in other files that they were not looked at', () => {
    const { config, verdicts } = migrate(
      `${base}functions: \${file(functions.yml)}\nresources:\n  - \${file(table.yml)}\n`,
    );
    assert.equal(config['functions'], '${file(functions.yml)}');
    assert.equal(verdicts['functions']?.status, 'manual');
    assert.equal(verdicts['resources[0]']?.status, 'manual');
  });

  it('refuses what is no configuration', () => {
    for (const text of ['', 'a', '[1]', 'a: [', 'a: b\n  c: d\n'])
      assert.throws(() => migrateConfig(text, 'x.yml'), {
        name: 'ServerlessError',
        message: /x\.yml/,
      });
  });
});
