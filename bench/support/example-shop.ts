/** The example shop in a temporary folder, on the Node.js of this machine, so that no network is needed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServiceFolder, repository } from '../../test/e2e/harness.ts';
import type { Runtime } from '../../test/e2e/harness.ts';

export const repositoryFile = (path: string): string => join(repository, path);

export function copyShop(runtime: Runtime): ServiceFolder {
  const major = process.versions.node.split('.')[0];
  const here = (path: string): string =>
    readFileSync(repositoryFile(path), 'utf8').replaceAll('nodejs22.x', `nodejs${major}.x`);
  const folder = new ServiceFolder(runtime, {
    'serverless.yml': here('serverless.example.yml').replace(
      './dist/lib/index.js',
      'serverless-knit',
    ),
    'package.json': '{ "private": true }\n',
  });
  folder.copyFrom('examples', 'examples');
  const dockerfile = 'examples/shop/recommender/Dockerfile';
  folder.write(dockerfile, here(dockerfile));
  return folder;
}
