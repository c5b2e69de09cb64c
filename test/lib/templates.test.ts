import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceDirectory } from './run-osls.ts';

/** The repository, from the sources and from dist/. */
const root = [new URL('../../', import.meta.url), new URL('../../../', import.meta.url)]
  .map((url) => fileURLToPath(url))
  .find((directory) => existsSync(path.join(directory, 'templates'))) as string;

describe('templates', function () {
  this.timeout(60_000);
  for (const name of readdirSync(path.join(root, 'templates')))
    it(`${name} is a complete service that packages without a warning`, async () => {
      const directory = new ServiceDirectory();
      try {
        cpSync(path.join(root, 'templates', name), directory.path, { recursive: true });
        const { status, stdout, stderr } = await directory.sls('package');
        assert.equal(status, 0, stdout + stderr);
        assert.doesNotMatch(stderr, /warning|has no effect|not deployed/i);
        const manifest = readFileSync(
          path.join(directory.path, '.serverless/knit-package.json'),
          'utf8',
        );
        assert.ok((JSON.parse(manifest) as { artifacts: unknown[] }).artifacts.length > 0);
      } finally {
        directory.remove();
      }
    });
});
