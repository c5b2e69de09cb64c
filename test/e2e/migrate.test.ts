/** An AWS service as it is found in the wild, moved over and called: nothing of AWS is reached. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { leftovers, run, Runtime, repository, ServiceFolder } from './harness.ts';

const awsConfig = `# Notes of a team
org: acme
app: notes
service:
  name: notes
frameworkVersion: '3'
provider:
  name: aws
  runtime: nodejs14.x
  region: eu-west-1
  iamRoleStatements:
    - Effect: Allow
      Action: dynamodb:*
      Resource: !GetAtt NotesTable.Arn
  environment:
    TABLE: !Ref NotesTable
    ACCOUNT: \${aws:accountId}
package:
  exclude: ['drafts/**']
functions:
  get:
    handler: src/notes.get
    role: NotesRole
    events:
      - http: { path: 'notes/{id}', method: get } # one note
      - sqs: !GetAtt Jobs.Arn
  list:
    handler: src/notes.list
    events:
      - httpApi: GET /notes
plugins:
  - serverless-offline
resources:
  Resources:
    NotesTable:
      Type: AWS::DynamoDB::Table
      Properties: { TableName: 'notes-\${self:provider.stage}' }
    Jobs: { Type: 'AWS::SQS::Queue' }
`;
const handlers = `
module.exports.get = (event, context, callback) =>
  callback(null, {
    statusCode: 200,
    body: JSON.stringify({ id: event.pathParameters.id, table: process.env.TABLE, resource: event.resource }),
  });
module.exports.list = async (event) => ({ version: event.version, account: process.env.ACCOUNT });
`;

describe('A service of AWS Lambda', function () {
  this.timeout(240_000);
  const runtime = new Runtime();
  let folder: ServiceFolder;

  before(() => {
    folder = new ServiceFolder(runtime, {
      'serverless.yml': awsConfig,
      'src/notes.js': handlers,
      'drafts/big.txt': 'not shipped',
    });
  });

  after(async () => {
    folder?.remove();
    await runtime.remove();
    assert.deepEqual(await leftovers(runtime.home), []);
  });

  it('is migrated with a verdict on every setting', async () => {
    const report = join(folder.path, 'report.json');
    const { code, stdout, stderr } = await runtime.knit('migrate', folder.path, '--report', report);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /serverless\.yml:\d+ {2}functions\.get\.events\[1\]: sqs/);
    const { counts } = JSON.parse(readFileSync(report, 'utf8')) as {
      counts: Record<'read' | 'kept' | 'mapped' | 'dropped' | 'manual', number>;
    };
    assert.equal(counts.read, counts.kept + counts.mapped + counts.dropped + counts.manual);
    assert.equal(counts.manual, 3, stdout);
    assert.equal((await runtime.knit('migrate', folder.path, '--check')).code, 1);
    assert.equal(readFileSync(join(folder.path, 'serverless.yml'), 'utf8'), awsConfig);
  });

  it('deploys and answers without a change of its code', async () => {
    const up = await runtime.up();
    assert.equal(up.code, 0, up.stderr);
    const config = ['--config', 'serverless.knative.yml'];
    const deployed = await folder.sls('osls@4', 'deploy', ...config);
    assert.equal(deployed.code, 0, deployed.stdout + deployed.stderr);
    const note = await runtime.http('notes-dev.localhost', '/notes/7');
    assert.deepEqual(JSON.parse(note.body), {
      id: '7',
      table: 'notes-dev',
      resource: '/notes/{id}',
    });
    const invoked = await folder.sls(
      'osls@4',
      'invoke',
      '-f',
      'list',
      '-d',
      '{"version":"x"}',
      ...config,
    );
    assert.deepEqual(JSON.parse(invoked.stdout), { version: 'x', account: '000000000000' });
  });

  it('can be migrated by sls as well, if the host can load it with the plugin listed', async () => {
    folder.write(
      'serverless.yml',
      `service: notes
provider: { name: aws, runtime: nodejs20.x, role: 'arn:aws:iam::000000000000:role/x' }
plugins: [serverless-knit]
functions: { list: { handler: src/notes.list } }
`,
    );
    for (const host of ['osls@4', 'serverless@3.40'] as const) {
      const { code, stdout, stderr } = await folder.sls(host, 'migrate');
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /provider\.role: there is no IAM/);
      assert.match(stdout, /wrote serverless\.knative\.yml/);
    }
  });

  it('is not looked for where there is none', async () => {
    const { code, stderr } = await run(process.execPath, [
      join(repository, 'bin/knit.js'),
      'migrate',
      '/nowhere',
    ]);
    assert.equal(code, 1);
    assert.match(stderr, /no serverless\.yml in \/nowhere/);
  });
});
