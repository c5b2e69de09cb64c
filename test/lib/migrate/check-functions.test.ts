import assert from 'node:assert/strict';

import { checkFunction, findAwsServices } from '../../../lib/migrate/check-functions.ts';

const provider = { runtime: 'nodejs20.x' };

function check(raw: Record<string, unknown>, contents: Record<string, string>) {
  const files = { names: new Set(Object.keys(contents)), read: (name: string) => contents[name] };
  return checkFunction('f', raw, { provider, files });
}

describe('A handler that is looked at before it is deployed', () => {
  it('has nothing to be told when its file exports it', () => {
    const report = check({ handler: 'src/a.run' }, { 'src/a.js': 'exports.run = async () => 1' });
    assert.deepEqual(report, {
      name: 'f',
      handler: 'src/a.run',
      runtime: 'nodejs20.x',
      file: 'src/a.js',
      awsServices: [],
      problems: [],
    });
  });

  it('is told when its file is missing, or its name in it', () => {
    assert.match(check({ handler: 'src/b.run' }, { 'src/a.js': '' }).problems[0] ?? '', /src\/b/);
    assert.match(
      check({ handler: 'a.run' }, { 'a.js': 'exports.start = 1' }).problems[0] ?? '',
      /does not seem to export "run"/,
    );
  });

  it('is believed when what it exports cannot be seen', () => {
    for (const text of ["export * from './b.js'", "module.exports = require('./b')"])
      assert.deepEqual(check({ handler: 'a.run' }, { 'a.js': text }).problems, []);
  });

  it('needs an image that is there', () => {
    const report = check({ handler: 'a.B', runtime: 'java17' }, {});
    assert.match(report.problems[0] ?? '', /no image for java17/);
  });

  it('is not looked at when it is an image or a Dockerfile', () => {
    assert.deepEqual(check({ handler: 'Dockerfile' }, {}).problems, []);
    assert.deepEqual(check({ image: 'x' }, {}).problems, []);
  });

  const rows: readonly (readonly [string, string[]])[] = [
    [
      "const AWS = require('aws-sdk'); new AWS.S3(); new AWS.DynamoDB.DocumentClient()",
      ['dynamodb', 's3'],
    ],
    ["import AWS from 'aws-sdk'; AWS.config.update({})", ['*']],
    ["const S3 = require('aws-sdk/clients/s3')", ['s3']],
    ["import { SQSClient } from '@aws-sdk/client-sqs'", ['sqs']],
    ["import { DynamoDBDocument } from '@aws-sdk/lib-dynamodb'", ['dynamodb']],
    [
      'import boto3\ndb = boto3.resource(\'dynamodb\')\nq = boto3.client("sqs")',
      ['dynamodb', 'sqs'],
    ],
    ['// aws-sdk is not used\nconst aws = 1', []],
  ];
  for (const [text, services] of rows)
    it(`uses ${services.join(' and ') || 'nothing of AWS'}: ${text.split('\n').join(' ').slice(0, 60)}`, () => {
      assert.deepEqual(findAwsServices(text), services);
    });
});
