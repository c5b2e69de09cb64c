import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { formatReport } from '../../../lib/migrate/format-report.ts';
import { migrateService, OUTPUT_NAME } from '../../../lib/migrate/migrate-service.ts';

describe('The migration of a directory', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'knit-migrate-'));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
  }

  const config =
    'service: shop\nprovider: { name: aws, runtime: nodejs18.x, role: x }\nfunctions:\n  f: { handler: src/a.run }\n';

  it('leaves the file of AWS alone and writes one beside it', async () => {
    write({
      'serverless.yml': config,
      'src/a.js': "require('aws-sdk/clients/s3'); exports.run = 1",
    });
    const outcome = await migrateService({ directory, write: false });
    assert.equal(readFileSync(join(directory, 'serverless.yml'), 'utf8'), config);
    assert.match(readFileSync(join(directory, OUTPUT_NAME), 'utf8'), /name: knative/);
    assert.deepEqual(outcome.report.counts, { read: 5, kept: 2, mapped: 2, dropped: 1, manual: 0 });
    assert.deepEqual(outcome.report.functions[0]?.awsServices, ['s3']);
    assert.match(
      formatReport(outcome),
      /5 settings of serverless\.yml: 2 kept, 2 mapped, 1 dropped, 0 manual\nwrote serverless\.knative\.yml\n$/,
    );
    assert.match(formatReport(outcome), /f: calls AWS \(s3\)/);
  });

  it('replaces it when it is told to, and writes the report where it is told to', async () => {
    write({ 'serverless.yaml': config });
    const reportFile = join(directory, 'report.json');
    const { report } = await migrateService({ directory, write: true, reportFile });
    assert.match(readFileSync(join(directory, 'serverless.yaml'), 'utf8'), /name: knative/);
    assert.deepEqual(
      JSON.parse(readFileSync(reportFile, 'utf8')),
      JSON.parse(JSON.stringify(report)),
    );
    assert.deepEqual(readdirSync(directory).sort(), ['report.json', 'serverless.yaml']);
  });

  it('says what to do about a directory without a configuration, or with one in code', async () => {
    await assert.rejects(migrateService({ directory, write: false }), /no serverless\.yml/);
    write({ 'serverless.ts': 'export default {}' });
    await assert.rejects(migrateService({ directory, write: false }), /osls print/);
    assert.deepEqual(readdirSync(directory), ['serverless.ts']);
  });

  it('leaves nothing behind when it cannot write', async () => {
    write({ 'serverless.yml': config });
    mkdirSync(join(directory, OUTPUT_NAME));
    await assert.rejects(migrateService({ directory, write: false }), /could not be written/);
    assert.deepEqual(readdirSync(directory).sort(), [OUTPUT_NAME, 'serverless.yml']);
  });
});
