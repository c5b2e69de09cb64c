/** CustomResourceDefinitions over the API: what is served, pruned, defaulted, refused, and what ends. */
import assert from 'node:assert/strict';
import type { JsonSchema } from '../../../runtime/apis/apiextensions/types.ts';
import { eventually, startApi, type Api } from '../api-harness.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const crontabs = '/apis/stable.example.com/v1/namespaces/default/crontabs';

const specSchema: JsonSchema = {
  type: 'object',
  required: ['schedule'],
  properties: {
    schedule: { type: 'string', pattern: '^\\S+$' },
    replicas: { type: 'integer', minimum: 0, maximum: 10, default: 1 },
    ports: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port'],
      items: {
        type: 'object',
        required: ['port'],
        properties: {
          port: { type: 'integer' },
          protocol: { type: 'string', default: 'TCP', enum: ['TCP', 'UDP'] },
        },
      },
    },
    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    limit: { 'x-kubernetes-int-or-string': true },
  },
  'x-kubernetes-validations': [
    { rule: "self.schedule != 'never'", message: 'never is no schedule', fieldPath: '.schedule' },
    {
      rule: 'self.replicas >= oldSelf.replicas',
      messageExpression: '"may not shrink below " + string(oldSelf.replicas)',
    },
  ],
};

const makeDefinition = (spec: JsonSchema = specSchema, more: object = {}): any => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec,
              status: {
                type: 'object',
                properties: { replicas: { type: 'integer' }, selector: { type: 'string' } },
              },
            },
          },
        },
        subresources: {
          status: {},
          scale: {
            specReplicasPath: '.spec.replicas',
            statusReplicasPath: '.status.replicas',
            labelSelectorPath: '.status.selector',
          },
        },
        additionalPrinterColumns: [
          { name: 'Schedule', type: 'string', jsonPath: '.spec.schedule' },
          { name: 'Wide', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
        ],
        selectableFields: [{ jsonPath: '.spec.schedule' }],
      },
    ],
    ...more,
  },
});

const makeCronTab = (spec: object, name = 'one'): any => ({
  apiVersion: 'stable.example.com/v1',
  kind: 'CronTab',
  metadata: { name },
  spec,
});

describe('A CustomResourceDefinition', () => {
  let api: Api;
  beforeEach(async () => {
    api = await startApi();
  });
  afterEach(() => api.close());

  const define = async (definition: object = makeDefinition()): Promise<void> => {
    const { status, body } = await api.request('POST', definitions, definition);
    assert.equal(status, 201, JSON.stringify(body));
  };

  it('is established, and its kind served, when its create is answered', async () => {
    await define();
    const { body } = await api.request('GET', `${definitions}/crontabs.stable.example.com`);
    assert.deepEqual(
      body.status.conditions.map(({ type, status, reason }: any) => [type, status, reason]),
      [
        ['NamesAccepted', 'True', 'NoConflicts'],
        ['Established', 'True', 'InitialNamesAccepted'],
      ],
    );
    assert.deepEqual(body.status.storedVersions, ['v1']);
    assert.deepEqual(body.status.acceptedNames, {
      plural: 'crontabs',
      singular: 'crontab',
      kind: 'CronTab',
      listKind: 'CronTabList',
      shortNames: ['ct'],
      categories: ['all'],
    });
    assert.equal((await api.request('GET', crontabs)).body.kind, 'CronTabList');
    const discovery = await api.request('GET', '/apis/stable.example.com/v1');
    assert.deepEqual(
      discovery.body.resources.map(({ name }: any) => name),
      ['crontabs', 'crontabs/status', 'crontabs/scale'],
    );
  });

  it('prunes, defaults and counts generations of its objects', async () => {
    await define();
    const { status, body } = await api.request(
      'POST',
      crontabs,
      makeCronTab({
        schedule: '*',
        typo: 1,
        free: { any: { thing: [1] } },
        ports: [{ port: 80, x: 1 }],
      }),
    );
    assert.equal(status, 201, JSON.stringify(body));
    assert.deepEqual(body.spec, {
      schedule: '*',
      replicas: 1,
      free: { any: { thing: [1] } },
      ports: [{ port: 80, protocol: 'TCP' }],
    });
    assert.equal(body.metadata.generation, 1);
    const merge = { contentType: 'application/merge-patch+json' };
    const status1 = await api.request(
      'PATCH',
      `${crontabs}/one/status`,
      { status: { replicas: 3, x: 1 } },
      merge,
    );
    assert.deepEqual(status1.body.status, { replicas: 3 });
    assert.equal(status1.body.metadata.generation, 1);
    const scaled = await api.request(
      'PATCH',
      `${crontabs}/one/scale`,
      { spec: { replicas: 4 } },
      merge,
    );
    assert.equal(scaled.body.spec.replicas, 4, JSON.stringify(scaled.body));
    assert.equal((await api.request('GET', `${crontabs}/one`)).body.metadata.generation, 2);
  });

  const unchecked =
    '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  const refusals: [string, object, string][] = [
    [
      'a number out of bounds',
      { schedule: '*', replicas: -1 },
      '[spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0, .spec.replicas: Invalid value: -1: should be a non-negative integer]',
    ],
    ['a missing field', {}, `[spec.schedule: Required value, ${unchecked}]`],
    [
      'a wrong type',
      { schedule: 5 },
      `[spec.schedule: Invalid value: "integer": spec.schedule in body must be of type string: "integer", ${unchecked}]`,
    ],
    [
      'a value outside an enumeration',
      { schedule: '*', ports: [{ port: 1, protocol: 'X' }] },
      `[spec.ports[0].protocol: Unsupported value: "X": supported values: "TCP", "UDP", ${unchecked}]`,
    ],
    [
      'two items with one key',
      { schedule: '*', ports: [{ port: 1 }, { port: 1 }] },
      'spec.ports[1]: Duplicate value: {"port":1}',
    ],
    [
      'a pattern that is not met',
      { schedule: 'a b' },
      'spec.schedule: Invalid value: "a b": spec.schedule in body should match \'^\\S+$\'',
    ],
    ['a CEL rule', { schedule: 'never' }, 'spec.schedule: Invalid value: never is no schedule'],
  ];
  for (const [what, spec, message] of refusals)
    it(`refuses ${what} in upstream's words`, async () => {
      await define();
      const { status, body } = await api.request('POST', crontabs, makeCronTab(spec));
      assert.equal(status, 422);
      assert.equal(body.message, `CronTab.stable.example.com "one" is invalid: ${message}`);
    });

  it('compares with the object before in rules that name oldSelf', async () => {
    await define();
    await api.request('POST', crontabs, makeCronTab({ schedule: '*', replicas: 3 }));
    const { status, body } = await api.request(
      'PATCH',
      `${crontabs}/one`,
      { spec: { replicas: 2 } },
      { contentType: 'application/merge-patch+json' },
    );
    assert.equal(status, 422);
    assert.match(body.message, /spec: Invalid value: may not shrink below 3$/);
  });

  it('keeps objects that a new schema finds wrong changeable elsewhere', async () => {
    await define();
    await api.request('POST', crontabs, makeCronTab({ schedule: '*', replicas: 9 }));
    const path = `${definitions}/crontabs.stable.example.com`;
    const crd = (await api.request('GET', path)).body;
    const stricter = structuredClone(crd);
    stricter.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.replicas.maximum = 5;
    assert.equal((await api.request('PUT', path, stricter)).status, 200);
    const merge = { contentType: 'application/merge-patch+json' };
    const labelled = await api.request(
      'PATCH',
      `${crontabs}/one`,
      { metadata: { labels: { a: 'b' } } },
      merge,
    );
    assert.equal(labelled.status, 200, JSON.stringify(labelled.body));
    const raised = await api.request('PATCH', `${crontabs}/one`, { spec: { replicas: 10 } }, merge);
    assert.equal(raised.status, 422);
  });

  it('answers tables with its columns, and selects by its fields', async () => {
    await define();
    await api.request('POST', crontabs, makeCronTab({ schedule: 'a' }));
    await api.request('POST', crontabs, makeCronTab({ schedule: 'b' }, 'two'));
    const { body } = await api.request('GET', crontabs, undefined, {
      query: { fieldSelector: 'spec.schedule=b' },
    });
    assert.deepEqual(
      body.items.map(({ metadata }: any) => metadata.name),
      ['two'],
    );
  });

  it('takes its objects along and ends watches when it is deleted', async () => {
    await define();
    const held = makeCronTab({ schedule: '*' });
    held.metadata.finalizers = ['example.com/hold'];
    await api.request('POST', crontabs, held);
    const watch = api.watch(crontabs);
    const ended = watch.ended;
    const path = `${definitions}/crontabs.stable.example.com`;
    const { body } = await api.request('DELETE', path);
    assert.deepEqual(body.metadata.finalizers, ['customresourcecleanup.apiextensions.k8s.io']);
    const late = await api.request('POST', crontabs, makeCronTab({ schedule: '*' }, 'late'));
    assert.equal(late.status, 403);
    assert.match(
      late.body.message,
      /create not allowed while custom resource definition is terminating/,
    );
    const merge = { contentType: 'application/merge-patch+json' };
    await api.request('PATCH', `${crontabs}/one`, { metadata: { finalizers: null } }, merge);
    await ended;
    await eventually(async () => (await api.request('GET', path)).status === 404);
    assert.equal((await api.request('GET', crontabs)).status, 404);
    await define();
    assert.deepEqual((await api.request('GET', crontabs)).body.items, []);
  });

  it('is served again after a restart', async () => {
    await define();
    await api.request('POST', crontabs, makeCronTab({ schedule: '*' }));
    await api.restart();
    assert.equal((await api.request('GET', `${crontabs}/one`)).body.spec.replicas, 1);
  });

  it("says of a kind in a group of Kubernetes' own whether its review has seen it", async () => {
    const crd = makeDefinition();
    crd.metadata = {
      name: 'crontabs.stable.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/x/pull/1' },
    };
    crd.spec.group = 'stable.k8s.io';
    await define(crd);
    const { body } = await api.request('GET', `${definitions}/crontabs.stable.k8s.io`);
    const { status, reason, message } = body.status.conditions.find(
      ({ type }: any) => type === 'KubernetesAPIApprovalPolicyConformant',
    );
    assert.deepEqual(
      [status, reason, message],
      ['True', 'ApprovedAnnotation', 'approved in https://github.com/kubernetes/x/pull/1'],
    );
  });

  it('waits for names that another definition of its group has', async () => {
    await define();
    const other = makeDefinition(specSchema, {
      names: { plural: 'others', kind: 'Other', shortNames: ['ct'] },
    });
    other.metadata.name = 'others.stable.example.com';
    await define(other);
    const path = `${definitions}/others.stable.example.com`;
    const before = (await api.request('GET', path)).body.status.conditions;
    assert.deepEqual(
      before.map(({ status, reason, message }: any) => [status, reason, message]),
      [
        ['False', 'ShortNamesConflict', '"ct" is already in use'],
        ['False', 'NotAccepted', 'not all names are accepted'],
      ],
    );
    await api.request('DELETE', `${definitions}/crontabs.stable.example.com`);
    await eventually(async () =>
      (await api.request('GET', path)).body.status.conditions.every(
        ({ status }: any) => status === 'True',
      ),
    );
  });

  it('leaves a native kind as it is, and is established all the same', async () => {
    const native = makeDefinition({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true });
    native.metadata.name = 'widgets.test.knative.dev';
    native.spec.group = 'test.knative.dev';
    delete native.spec.versions[0].selectableFields;
    native.spec.names = { plural: 'widgets', kind: 'Widget' };
    await define(native);
    const widgets = '/apis/test.knative.dev/v1/namespaces/default/widgets';
    const { body } = await api.request('POST', widgets, { metadata: { name: 'w' } });
    assert.equal(body.color, 'blue');
    const path = `${definitions}/widgets.test.knative.dev`;
    const { status } = (await api.request('GET', path)).body;
    assert.ok(status.conditions.every((condition: any) => condition.status === 'True'));
    await api.request('DELETE', path);
    await eventually(async () => (await api.request('GET', path)).status === 404);
    assert.equal((await api.request('GET', `${widgets}/w`)).status, 200);
  });

  const wrong: [string, (crd: any) => void, string][] = [
    [
      'a name that does not follow from plural and group',
      (crd) => (crd.metadata.name = 'x.stable.example.com'),
      'metadata.name: Invalid value: "x.stable.example.com": must be spec.names.plural+"."+spec.group',
    ],
    [
      'a version without a schema',
      (crd) => delete crd.spec.versions[0].schema,
      'spec.versions[0].schema.openAPIV3Schema: Required value',
    ],
    [
      'a field without a type',
      (crd) => delete crd.spec.versions[0].schema.openAPIV3Schema.properties.status.type,
      'spec.validation.openAPIV3Schema.properties[status].type: Required value: must not be empty for specified object fields',
    ],
    [
      'no storage version',
      (crd) => (crd.spec.versions[0].storage = false),
      'must have exactly one version marked as storage version, status.storedVersions: Invalid value: null: must have at least one stored version',
    ],
    [
      'a rule that names a field which is not there',
      (crd) =>
        (crd.spec.versions[0].schema.openAPIV3Schema.properties.spec['x-kubernetes-validations'] = [
          { rule: 'self.nope == 1' },
        ]),
      `spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.nope == 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'nope'`,
    ],
  ];
  for (const [what, spoil, message] of wrong)
    it(`is refused with ${what}`, async () => {
      const crd = makeDefinition();
      spoil(crd);
      const { status, body } = await api.request('POST', definitions, crd);
      assert.equal(status, 422);
      assert.ok(body.message.includes(message), body.message);
    });
});
