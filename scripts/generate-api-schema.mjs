/**
 * Writes runtime/apis/schema/kubernetes.json, the table of the built-in API types, from Kubernetes'
 * published Go modules and OpenAPI documents. Run by hand after raising KUBERNETES_VERSION (here and
 * in generate-api-schema/go.mod); needs Go and its module proxy. Formats a type per line, so that a
 * new version shows as a readable diff.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine.mjs';

const KUBERNETES_VERSION = 'v1.36.3';

const folder = join(root, 'scripts/generate-api-schema');
const go = (...args) =>
  execFileSync('go', args, { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });

const libraries = readFileSync(join(folder, 'go.mod'), 'utf8');
const wanted = KUBERNETES_VERSION.replace(/^v1\./, 'v0.');
if (!libraries.includes(`k8s.io/api ${wanted}`))
  throw new Error(`go.mod does not ask for k8s.io/api ${wanted}; raise both versions together`);

const { Dir: kubernetes } = JSON.parse(
  go('mod', 'download', '-json', `k8s.io/kubernetes@${KUBERNETES_VERSION}`),
);
const table = JSON.parse(go('run', '.', join(kubernetes, 'api/openapi-spec/v3')));

const lines = (object) =>
  Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(',\n');
writeFileSync(
  join(root, 'runtime/apis/schema/kubernetes.json'),
  `{
"version": ${JSON.stringify(KUBERNETES_VERSION)},
"packages": {
${lines(table.packages)}
},
"kinds": {
${lines(table.kinds)}
},
"commonKinds": {
${lines(table.commonKinds)}
},
"types": {
${lines(table.types)}
}
}
`,
);
console.error(
  `${Object.keys(table.types).length} types, ${Object.keys(table.kinds).length} kinds of Kubernetes ${KUBERNETES_VERSION}`,
);
