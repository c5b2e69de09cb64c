/**
 * Applies the CustomResourceDefinitions that well-known projects publish, server-side as their
 * installers do, to Knit's API server and, with `--real`, to kube-apiserver, and compares what each
 * says of every one: accepted or refused, warnings, conditions, and what the list of its kind answers.
 * The files are read from Go's module cache, into which `go mod download` fetches what is missing;
 * nothing of them is kept here. Exits with 1 when a definition is not established.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { startKnitApiServer } from './knit-api-server.ts';
import { startRealApiServer } from './real-api-server.ts';
import { apply, get, type Case } from './case.ts';
import { compareTranscripts } from './compare.ts';
import { runCase, type ApiUnderTest, type Transcript } from './run-case.ts';

/** Modules with the folders that hold definitions. Versions are those that people run. */
const sources: readonly (readonly [module: string, folder: string])[] = [
  ['knative.dev/serving@v0.49.0', 'config/core/300-resources'],
  ['knative.dev/eventing@v0.47.0', 'config/core/resources'],
  ['github.com/tektoncd/pipeline@v1.6.0', 'config/300-crds'],
  ['sigs.k8s.io/gateway-api@v1.4.1', 'config/crd/experimental'],
  ['github.com/cert-manager/cert-manager@v1.18.2', 'deploy/crds'],
  ['istio.io/api@v1.27.1', 'kubernetes'],
];

const { values: flags } = parseArgs({
  options: {
    real: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});

interface Definition {
  readonly module: string;
  readonly object: any;
}

function readDefinitions(): Definition[] {
  return sources.flatMap(([module, folder]) => {
    const output = execFileSync('go', ['mod', 'download', '-json', module], {
      encoding: 'utf8',
      cwd: '/',
    });
    const directory = (JSON.parse(output) as { Dir: string }).Dir;
    const files = readdirSync(join(directory, folder))
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => join(directory, folder, file));
    const objects = files.flatMap((file) =>
      parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as unknown),
    );
    return objects
      .filter((object: any) => object?.kind === 'CustomResourceDefinition')
      .map((object: any) => ({ module, object: withoutTemplates(object) }));
  });
}

/** Some are templates of a chart, in their labels alone. */
const withoutTemplates = (object: any): any =>
  JSON.stringify(object.metadata.labels ?? {}).includes('{{')
    ? { ...object, metadata: { ...object.metadata, labels: {} } }
    : object;

/** A case per definition: what upstream's installers and their first clients do. */
function makeCase({ module, object }: Definition): Case {
  const { name } = object.metadata as { name: string };
  const { group, names, versions } = object.spec;
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  const served = versions.filter((version: any) => version.served);
  return {
    name: `${module.split('@')[0]}: ${name}`,
    steps: [
      // The whole text of a definition says little; its refusal, and what it lost, says all.
      apply(`${path}?fieldManager=installer&force=true`, JSON.stringify(object), {
        only: ['message', 'spec'],
      }),
      get(path, {
        until: ({ status, body }) =>
          status !== 200 ||
          (body.status?.conditions ?? []).some(
            ({ type, status: is }: any) => type === 'Established' && is === 'True',
          ),
        // Conditions come in the order in which upstream's controllers get to it.
        only: ['status.acceptedNames', 'status.storedVersions'],
      }),
      ...served.map((version: any) =>
        get(`/apis/${group}/${version.name}/${names.plural}`, {
          until: ({ status }) => status === 200,
          only: ['kind', 'apiVersion', 'items', 'message'],
        }),
      ),
    ],
  };
}

async function playAll(api: ApiUnderTest, cases: readonly Case[]): Promise<Transcript[]> {
  const transcripts: Transcript[] = [];
  for (const one of cases) transcripts.push(await runCase(api, one));
  return transcripts;
}

const cases = readDefinitions().map(makeCase);
const knit = await startKnitApiServer();
const actual = await playAll(knit, cases);
await knit.close();
let expected: Transcript[] | undefined;
if (flags.real) {
  const real = await startRealApiServer();
  try {
    expected = await playAll({ ...real, token: real.tokens['admin'] ?? '' }, cases);
  } finally {
    await real.close();
  }
}
let established = 0;
let agreeing = 0;
for (const [index, { name }] of cases.entries()) {
  const transcript = actual[index] ?? [];
  const refusal = transcript.find(({ status }) => status >= 400);
  if (refusal) console.log(`REFUSED ${name}: ${JSON.stringify(refusal).slice(0, 600)}`);
  else established++;
  const differences = compareTranscripts(expected?.[index] ?? transcript, transcript);
  if (differences.length === 0) agreeing++;
  else if (!flags.quiet)
    console.log(`DIFFERS ${name}\n    ${differences.slice(0, 8).join('\n    ')}`);
}
console.log(`${established} of ${cases.length} published definitions are established and served`);
if (expected) console.log(`${agreeing} of ${cases.length} are answered as by kube-apiserver`);
process.exit(established < cases.length ? 1 : 0);
