/**
 * CustomResourceDefinitions and the kinds that they bring: what is refused and in which words, what a
 * schema drops, fills in and judges, rules in CEL, names, conditions, columns, versions and deletion.
 * Every case has a group of its own.
 */
import {
  apply,
  crds,
  del,
  get,
  jsonPatch,
  mergePatch,
  post,
  put,
  quiet,
  strategicPatch,
  watch,
  type Answer,
  type Case,
  type Step,
} from '../case.ts';

type Json = Record<string, any>;

const group = '{id}.example.com';
const crdName = `things.${group}`;
const crdPath = `${crds}/${crdName}`;
const things = `/apis/${group}/v1/namespaces/{ns}/things`;

const object = (properties: Json, more: Json = {}): Json => ({
  type: 'object',
  properties,
  ...more,
});

const version = (spec: Json, more: Json = {}, name = 'v1', isStorage = true): Json => ({
  name,
  served: true,
  storage: isStorage,
  schema: { openAPIV3Schema: object({ spec }) },
  ...more,
});

const definition = (versions: readonly Json[], more: Json = {}): Json => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: crdName },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
    versions,
    ...more,
  },
});

const thing = (spec: unknown, name = 'one', more: Json = {}): Json => ({
  apiVersion: `${group}/v1`,
  kind: 'Thing',
  metadata: { name },
  spec,
  ...more,
});

const isEstablished = ({ body }: Answer): boolean =>
  (body.status?.conditions ?? []).some(
    ({ type, status }: Json) => type === 'Established' && status === 'True',
  );
const isServed = ({ status }: Answer): boolean => status === 200;

/** Creates a definition and waits until its kind is served. */
const define = (what: Json, path = things): Step[] => [
  quiet(post(crds, what)),
  quiet(get(crdPath, { until: isEstablished })),
  quiet(get(path, { until: isServed })),
];
const defineSpec = (spec: Json, more: Json = {}): Step[] =>
  define(definition([version(spec, more)]));

/** Of an object, what a schema decides. */
const essence = { only: ['spec', 'message', 'details', 'reason'] };

/** One schema, and objects that are created against it, one after the other. */
const judged = (name: string, spec: Json, ...specs: readonly unknown[]): Case => ({
  name: `crd: ${name}`,
  steps: [
    post(crds, definition([version(spec)]), { only: ['message'] }),
    ...defineSpec(spec).slice(1),
    ...specs.map((value, index) => post(things, thing(value, `thing-${index}`), essence)),
  ],
});

/** A definition that is answered as it is, accepted or refused. */
const answered = (name: string, what: Json): Case => ({
  name: `crd: ${name}`,
  steps: [post(crds, what, { only: ['message', 'details', 'reason', 'spec'] })],
});
const answeredSpec = (name: string, spec: Json, more: Json = {}): Case =>
  answered(name, definition([version(spec, more)]));
const answeredRoot = (name: string, openAPIV3Schema: Json, more: Json = {}): Case =>
  answered(name, definition([{ ...version({}), schema: { openAPIV3Schema }, ...more }]));

const string = { type: 'string' };
const integer = { type: 'integer' };

const structuralCases: Case[] = [
  answeredSpec('without a type', {}),
  answeredSpec('with an unknown type', { type: 'strange' }),
  answeredSpec('an array without items', { type: 'array' }),
  answeredSpec('an array of arrays without items', { type: 'array', items: { type: 'array' } }),
  answeredSpec('properties and additionalProperties', {
    ...object({ a: string }),
    additionalProperties: string,
  }),
  answeredSpec('additionalProperties of false', { type: 'object', additionalProperties: false }),
  answeredSpec('uniqueItems', { type: 'array', items: string, uniqueItems: true }),
  answeredSpec('int-or-string with a type', {
    type: 'string',
    'x-kubernetes-int-or-string': true,
  }),
  answeredSpec('int-or-string in all its permitted forms', {
    ...object({
      a: { 'x-kubernetes-int-or-string': true },
      b: {
        'x-kubernetes-int-or-string': true,
        anyOf: [{ type: 'integer' }, { type: 'string' }],
      },
      c: {
        'x-kubernetes-int-or-string': true,
        allOf: [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, { maxLength: 3 }],
      },
    }),
  }),
  answeredSpec('a junctor that describes', {
    ...object({ a: string }),
    anyOf: [{ type: 'object', description: 'x', default: {}, properties: { a: string } }],
    not: { nullable: true, additionalProperties: string },
  }),
  answeredSpec('a junctor that names what is not specified', {
    ...object({ a: string }),
    oneOf: [{ required: ['a'] }, { properties: { b: { minLength: 1 } } }],
  }),
  answeredSpec('a list map without keys', {
    type: 'array',
    items: object({ a: string }),
    'x-kubernetes-list-type': 'map',
  }),
  answeredSpec('a list map with an optional key', {
    type: 'array',
    items: object({ a: string }),
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
  }),
  answeredSpec('a list map of scalars, by keys that are not there', {
    type: 'array',
    items: string,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a', 'a'],
  }),
  answeredSpec('a list map by an object', {
    type: 'array',
    items: object({ a: object({}) }, { required: ['a'] }),
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['a'],
  }),
  answeredSpec('keys without a list map', {
    type: 'array',
    items: string,
    'x-kubernetes-list-map-keys': ['a'],
  }),
  answeredSpec('a list type that nobody knows', {
    type: 'array',
    items: string,
    'x-kubernetes-list-type': 'bag',
  }),
  answeredSpec('a list type of an object', { type: 'object', 'x-kubernetes-list-type': 'set' }),
  answeredSpec('a set of objects that are no atoms', {
    type: 'array',
    items: object({ a: string }),
    'x-kubernetes-list-type': 'set',
  }),
  answeredSpec('a map type of a string', { type: 'string', 'x-kubernetes-map-type': 'atomic' }),
  answeredSpec('a map type that nobody knows', {
    type: 'object',
    'x-kubernetes-map-type': 'bag',
  }),
  answeredSpec('an embedded resource without a type', {
    'x-kubernetes-embedded-resource': true,
    'x-kubernetes-preserve-unknown-fields': true,
  }),
  answeredSpec('an embedded resource without properties', {
    type: 'object',
    'x-kubernetes-embedded-resource': true,
  }),
  answeredSpec('an embedded resource whose metadata is described', {
    ...object({ apiVersion: string, kind: integer, metadata: object({ name: string }) }),
    'x-kubernetes-embedded-resource': true,
  }),
  answeredSpec('preserve-unknown-fields of false', {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': false,
  }),
  answeredSpec('a pattern that is none', { type: 'string', pattern: '[' }),
  answeredSpec('a format that nobody knows', { type: 'string', format: 'strange' }),
  answeredSpec('limits that contradict each other', {
    ...object({
      a: { type: 'integer', minimum: 5, maximum: 1 },
      b: { type: 'string', minLength: -1 },
      c: { type: 'array', items: string, minItems: 3, maxItems: 1 },
    }),
  }),
  answeredSpec('a multipleOf of zero', { type: 'integer', multipleOf: 0 }),
  answeredSpec('enums', {
    ...object({
      a: { type: 'string', enum: ['x', 'x'] },
      b: { type: 'integer', enum: ['x'] },
      c: { type: 'string', enum: [] },
      d: { type: 'string', enum: ['x', null], nullable: true },
    }),
  }),
  answeredSpec('a default of another type', object({ a: { type: 'string', default: 1 } })),
  answeredSpec(
    'a default with a field that nobody knows',
    object({ b: { ...object({ c: string }), default: { d: 1 } } }),
  ),
  answeredSpec(
    'a default out of bounds',
    object({ c: { type: 'integer', maximum: 3, default: 5 } }),
  ),
  answeredSpec(
    'defaults that are null',
    object({
      e: { type: 'string', default: null },
      f: { type: 'string', nullable: true, default: null },
    }),
  ),
  answeredSpec('a default of an embedded resource that is none', {
    ...object({
      a: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
        default: { metadata: { name: 'x' } },
      },
    }),
  }),
  answeredSpec('keywords that are reserved', {
    type: 'object',
    $ref: '#/definitions/x',
    id: 'x',
    dependencies: { a: ['b'] },
    patternProperties: { a: string },
    additionalItems: true,
    definitions: {},
  }),
  answeredSpec('items as a list', { type: 'array', items: [string] }),
  answeredSpec('a keyword that nobody knows', { type: 'object', strange: true }),
  answeredSpec('required of a field that is not there', object({}, { required: ['a'] })),
  answeredRoot('a root of another type', { type: 'string' }),
  answeredRoot('a root without a type', { properties: { spec: object({}) } }),
  answeredRoot('a root that is nullable and has a default', {
    type: 'object',
    nullable: true,
    default: {},
  }),
  answeredRoot('a root with additionalProperties', {
    type: 'object',
    additionalProperties: string,
  }),
  answeredRoot('a root that preserves unknown fields', {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  }),
  answeredRoot('metadata that is restricted', {
    ...object({
      metadata: object({ name: { type: 'string', maxLength: 5 }, labels: { type: 'object' } }),
    }),
  }),
  answeredRoot('metadata that may be named', {
    ...object({ metadata: object({ name: { type: 'string', maxLength: 5 } }) }),
  }),
  answeredRoot('kind and metadata of wrong types', {
    ...object({ kind: integer, apiVersion: object({}), metadata: string }),
  }),
  answeredRoot('status and scale', object({ spec: object({ replicas: integer }) }), {
    subresources: {
      status: {},
      scale: { specReplicasPath: '.replicas', statusReplicasPath: '.status.replicas[0]' },
    },
  }),
  answeredRoot('a scale without paths', object({ spec: object({}) }), {
    subresources: { scale: {} },
  }),
];

const definitionCases: Case[] = [
  answered('without versions', definition([])),
  answered('without a version that is stored', definition([version(object({}), {}, 'v1', false)])),
  answered(
    'two versions of one name that are both stored',
    definition([version(object({})), version(object({}))]),
  ),
  answered('without a schema', definition([{ name: 'v1', served: true, storage: true }])),
  answered('a version that is no label', definition([version(object({}), {}, 'V_1')])),
  answered('another name than its plural and group', {
    ...definition([version(object({}))]),
    metadata: { name: 'other.example.com' },
  }),
  answered('a group of one word', {
    ...definition([version(object({}))], { group: 'example' }),
    metadata: { name: 'things.example' },
  }),
  answered(
    'names that are none',
    definition([version(object({}))], {
      names: { plural: 'things', singular: 'Thing', kind: 'thing_kind', shortNames: ['T'] },
    }),
  ),
  answered(
    'kind and list kind alike',
    definition([version(object({}))], {
      names: { plural: 'things', kind: 'Thing', listKind: 'Thing' },
    }),
  ),
  answered('names that are left out', definition([version(object({}))], { names: {} })),
  answered('a scope that nobody knows', definition([version(object({}))], { scope: 'Everywhere' })),
  answered(
    'preserveUnknownFields',
    definition([version(object({}))], { preserveUnknownFields: true }),
  ),
  answered('a protected group without approval', {
    ...definition([version(object({}))], { group: '{id}.k8s.io' }),
    metadata: { name: 'things.{id}.k8s.io' },
  }),
  answered('a protected group with a strange approval', {
    ...definition([version(object({}))], { group: '{id}.k8s.io' }),
    metadata: {
      name: 'things.{id}.k8s.io',
      annotations: { 'api-approved.kubernetes.io': 'because' },
    },
  }),
  answered(
    'columns that are none',
    definition([
      version(object({}), {
        additionalPrinterColumns: [
          { name: '', type: 'strange', jsonPath: '.spec' },
          { name: 'A', type: 'string', jsonPath: '' },
          { name: 'B', type: 'string', format: 'strange', jsonPath: 'spec' },
          { name: 'C', type: 'string', jsonPath: '.spec[' },
        ],
      }),
    ]),
  ),
  answered(
    'selectable fields that are none',
    definition([
      version(object({ a: string, b: object({}), c: { type: 'array', items: string } }), {
        selectableFields: [
          { jsonPath: '.spec.a' },
          { jsonPath: '.spec.a' },
          { jsonPath: '.spec.b' },
          { jsonPath: '.spec.none' },
          { jsonPath: '.metadata.name' },
          { jsonPath: 'spec.a' },
          { jsonPath: '.spec.c[0]' },
        ],
      }),
    ]),
  ),
  answered(
    'a deprecation warning of a version that is not deprecated',
    definition([version(object({}), { deprecationWarning: 'old' })]),
  ),
  answered(
    'a conversion that nobody knows',
    definition([version(object({}))], { conversion: { strategy: 'Magic' } }),
  ),
  answered(
    'a conversion webhook without an address',
    definition([version(object({}))], {
      conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: [] } },
    }),
  ),
  answered(
    'a conversion webhook with two addresses and no version that is known',
    definition([version(object({}))], {
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v7', 'v7'],
          clientConfig: {
            url: 'https://example.com',
            service: { namespace: 'a', name: 'b' },
          },
        },
      },
    }),
  ),
  answered(
    'a conversion webhook at a URL that is none',
    definition([version(object({}))], {
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: { url: 'http://user@example.com/path?query#fragment' },
        },
      },
    }),
  ),
  answered(
    'a conversion webhook behind a Service that is not named',
    definition([version(object({}))], {
      conversion: {
        strategy: 'Webhook',
        webhook: {
          conversionReviewVersions: ['v1'],
          clientConfig: { service: { namespace: '', name: '', path: 'a//b', port: 70_000 } },
        },
      },
    }),
  ),
  answered(
    'a webhook without the strategy',
    definition([version(object({}))], {
      conversion: {
        strategy: 'None',
        webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://a.example' } },
      },
    }),
  ),
];

const lifeCases: Case[] = [
  {
    name: 'crd: its answer, its conditions and what is filled in',
    steps: [
      post(
        crds,
        definition([version(object({ a: string }))], {
          names: {
            plural: 'things',
            kind: 'Thing',
            shortNames: ['th'],
            categories: ['all'],
          },
        }),
      ),
      get(crdPath, { until: isEstablished }),
    ],
  },
  {
    name: 'crd: names that another definition of the group has',
    steps: [
      ...define(
        definition([version(object({}))], {
          names: { plural: 'things', kind: 'Thing', shortNames: ['th', 'tg'] },
        }),
      ),
      quiet(
        post(crds, {
          ...definition([version(object({}))], {
            names: {
              plural: 'others',
              singular: 'thing',
              kind: 'Thing',
              shortNames: ['th', 'ot', 'tg'],
            },
          }),
          metadata: { name: `others.${group}` },
        }),
      ),
      get(`${crds}/others.${group}`, {
        until: ({ body }) => (body.status?.conditions ?? []).length > 0,
        only: ['status'],
      }),
      get(`/apis/${group}/v1/namespaces/{ns}/others`, { only: ['message'] }),
      quiet(del(crdPath)),
      get(`${crds}/others.${group}`, { until: isEstablished, only: ['status.acceptedNames'] }),
    ],
  },
  {
    name: 'crd: what an update may not change',
    steps: [
      ...defineSpec(object({ a: string })),
      ...[
        { scope: 'Cluster' },
        { group: 'other.example.com' },
        { names: { kind: 'Other' } },
        { names: { plural: 'others' } },
      ].map((spec) => mergePatch(crdPath, { spec }, { only: ['message', 'reason', 'details'] })),
    ],
  },
  {
    name: 'crd: a version that was stored may not go',
    steps: [
      ...define(definition([version(object({})), version(object({}), {}, 'v2', false)])),
      quiet(
        jsonPatch(crdPath, [
          { op: 'replace', path: '/spec/versions/0/storage', value: false },
          { op: 'replace', path: '/spec/versions/1/storage', value: true },
        ]),
      ),
      get(crdPath, { only: ['status.storedVersions'] }),
      jsonPatch(crdPath, [{ op: 'remove', path: '/spec/versions/0' }], {
        only: ['message', 'details'],
      }),
      mergePatch(
        `${crdPath}/status`,
        { status: { storedVersions: ['v2'] } },
        { only: ['status.storedVersions', 'message'] },
      ),
      jsonPatch(crdPath, [{ op: 'remove', path: '/spec/versions/0' }], {
        only: ['message', 'status.storedVersions'],
      }),
    ],
  },
  {
    name: 'crd: storedVersions that lack the storage version',
    steps: [
      ...defineSpec(object({})),
      mergePatch(
        `${crdPath}/status`,
        { status: { storedVersions: ['v9'] } },
        { only: ['message', 'details'] },
      ),
      mergePatch(
        `${crdPath}/status`,
        { status: { storedVersions: [] } },
        { only: ['message', 'details', 'status.storedVersions'] },
      ),
    ],
  },
  {
    name: 'crd: a version that is served no longer',
    steps: [
      ...define(definition([version(object({})), version(object({}), {}, 'v2', false)])),
      jsonPatch(crdPath, [{ op: 'replace', path: '/spec/versions/1/served', value: false }], {
        isSilent: true,
      }),
      get(`/apis/${group}/v2/namespaces/{ns}/things`, {
        until: ({ status }) => status === 404,
        only: ['message', 'code'],
      }),
      get(things, { until: isServed, only: ['kind', 'apiVersion', 'items'] }),
    ],
  },
  {
    name: 'crd: deletion takes the objects along, and waits for their finalizers',
    steps: [
      ...defineSpec(object({ a: string })),
      quiet(post(things, thing({ a: 'x' }))),
      quiet(
        post(
          things,
          thing({ a: 'x' }, 'held', {
            metadata: { name: 'held', finalizers: ['example.com/hold'] },
          }),
        ),
      ),
      del(crdPath, undefined, { only: ['metadata.finalizers', 'status.conditions', 'spec.names'] }),
      get(`${things}/held`, {
        until: ({ body }) => body.metadata?.deletionTimestamp !== undefined,
        only: ['metadata.finalizers', 'metadata.deletionGracePeriodSeconds', 'metadata.generation'],
      }),
      get(`${things}/one`, { until: ({ status }) => status === 404, only: ['message', 'details'] }),
      get(crdPath, {
        until: ({ body }) =>
          (body.status?.conditions ?? []).some(({ type }: Json) => type === 'Terminating'),
        only: ['metadata.finalizers', 'status.conditions.2.reason', 'status.conditions.2.status'],
      }),
      post(things, thing({ a: 'y' }, 'late'), { only: ['message', 'reason', 'details'] }),
      quiet(mergePatch(`${things}/held`, { metadata: { finalizers: null } })),
      get(crdPath, { until: ({ status }) => status === 404, only: ['message', 'details'] }),
      get(things, { until: ({ status }) => status === 404, only: ['message', 'code'] }),
    ],
  },
  {
    name: 'crd: the list and the table of definitions',
    steps: [
      ...defineSpec(object({})),
      get(`${crds}?fieldSelector=metadata.name%3D${crdName}`, {
        accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
        only: ['kind', 'columnDefinitions', 'rows.0.cells.0'],
      }),
    ],
  },
  {
    name: 'crd: strategic merge patch is refused, of the definition it is not',
    steps: [
      ...defineSpec(object({ a: string })),
      quiet(post(things, thing({ a: 'x' }))),
      strategicPatch(
        `${things}/one`,
        { spec: { a: 'y' } },
        { only: ['message', 'reason', 'code'] },
      ),
      strategicPatch(crdPath, { metadata: { labels: { a: 'b' } } }, { only: ['metadata.labels'] }),
    ],
  },
  {
    name: 'crd: a cluster-scoped kind',
    steps: [
      ...define(
        definition([version(object({ a: string }))], { scope: 'Cluster' }),
        `/apis/${group}/v1/things`,
      ),
      post(`/apis/${group}/v1/things`, thing({ a: 'x' })),
      post(
        `/apis/${group}/v1/things`,
        thing({ a: 'x' }, 'two', { metadata: { name: 'two', namespace: 'default' } }),
        essence,
      ),
      get(things, { only: ['message', 'code'] }),
    ],
  },
  {
    name: 'crd: discovery of its kind',
    steps: [
      ...define(
        definition(
          [
            version(object({ replicas: integer }), {
              subresources: {
                status: {},
                scale: {
                  specReplicasPath: '.spec.replicas',
                  statusReplicasPath: '.status.replicas',
                },
              },
            }),
            version(object({}), {}, 'v1beta1', false),
            version(object({}), {}, 'v2alpha1', false),
            version(object({}), {}, 'foo', false),
          ],
          {
            names: {
              plural: 'things',
              kind: 'Thing',
              shortNames: ['th', 'tg'],
              categories: ['all', 'some'],
            },
          },
        ),
      ),
      get(`/apis/${group}`, { until: ({ body }) => body.versions?.length === 4 }),
      get(`/apis/${group}/v1`, {
        until: ({ body }) => body.resources?.length === 3,
        only: [
          'kind',
          'groupVersion',
          'resources.0.name',
          'resources.0.shortNames',
          'resources.0.categories',
          'resources.0.verbs',
          'resources.0.kind',
          'resources.1',
          'resources.2',
        ],
      }),
      get(`/apis/${group}/foo`, { only: ['groupVersion', 'resources.0.kind'] }),
    ],
  },
];

const valueCases: Case[] = [
  judged(
    'types that are wrong',
    object({
      a: string,
      b: integer,
      c: { type: 'array', items: string },
      d: { type: 'boolean' },
      e: { type: 'number' },
      f: object({}),
    }),
    { a: 1 },
    { b: 'x' },
    { b: 1.5 },
    { c: 'x' },
    { c: [1] },
    { d: 'true' },
    { e: '1' },
    { f: [] },
    { e: 1, b: 2.0 },
  ),
  judged('an object that is no object', object({ a: string }), 'text', [], 5, null),
  judged(
    'required fields',
    object({ a: string, b: object({ c: string }, { required: ['c'] }) }, { required: ['a', 'b'] }),
    {},
    { a: 'x', b: {} },
  ),
  judged(
    'lengths of texts',
    object({ a: { type: 'string', minLength: 2, maxLength: 4 } }),
    { a: 'x' },
    { a: 'xxxxx' },
    { a: 'ééé' },
    { a: '' },
  ),
  judged(
    'patterns',
    object({ a: { type: 'string', pattern: '^[a-z]+$' }, b: { type: 'string', pattern: 'b{2}' } }),
    { a: 'A' },
    { a: 'a\n' },
    { a: '' },
    { b: 'abba' },
  ),
  judged(
    'enums of several types',
    object({
      a: { type: 'string', enum: ['x', 'y'] },
      b: { type: 'integer', enum: [1, 2] },
      c: { type: 'string', enum: ['x', null], nullable: true },
      d: { 'x-kubernetes-preserve-unknown-fields': true, enum: [{ a: 1 }, 'x', 3] },
    }),
    { a: 'z' },
    { b: 3 },
    { c: null },
    { c: 'y' },
    { d: { a: 1 } },
    { d: 'z' },
  ),
  judged(
    'numbers in their bounds',
    object({
      a: { type: 'integer', minimum: 1, maximum: 3 },
      b: {
        type: 'number',
        minimum: 1,
        exclusiveMinimum: true,
        maximum: 2.5,
        exclusiveMaximum: true,
      },
      c: { type: 'integer', multipleOf: 3 },
      d: { type: 'number', multipleOf: 0.1 },
    }),
    { a: 0 },
    { a: 4 },
    { b: 1 },
    { b: 2.5 },
    { c: 4 },
    { d: 0.3 },
    { d: 0.35 },
  ),
  judged(
    'formats of numbers',
    object({
      a: { type: 'integer', format: 'int32' },
      b: { type: 'integer', format: 'int64' },
      c: { type: 'number', format: 'float' },
    }),
    { a: 2_147_483_648 },
    { b: 9_007_199_254_740_991 },
    { c: 1e300 },
  ),
  ...(
    [
      ['date-time', '2024-02-30T00:00:00Z', '2024-02-29T00:00:00Z', 'x'],
      ['date', '2024-13-01', '2024-12-01', 'x'],
      ['duration', '5s', '1h5m', 'x', '5 seconds', '-5s'],
      ['email', 'a@b.example', 'a', 'Name <a@b.example>'],
      ['hostname', 'a.example', 'a_b', '-a'],
      ['ipv4', '1.2.3.4', '256.1.1.1', '::1'],
      ['ipv6', '::1', '1.2.3.4', 'x'],
      ['cidr', '10.0.0.0/8', '10.0.0.0', 'fd00::/8'],
      ['uri', 'https://a.example/x', 'x', '/path', 'a b'],
      ['uuid', '123e4567-e89b-12d3-a456-426614174000', 'x'],
      ['byte', 'aGVsbG8=', '!'],
      ['mac', '00:11:22:33:44:55', 'x'],
      ['password', 'anything'],
      ['k8s-short-name', 'abc', 'Abc'],
      ['k8s-long-name', 'abc.def', 'Abc'],
      ['isbn', '0321751043', 'x'],
      ['creditcard', '4111-1111-1111-1111', 'x'],
      ['hexcolor', '#fff', 'x'],
      ['rgbcolor', 'rgb(1,2,3)', 'x'],
      ['ssn', '111-11-1111', 'x'],
      ['bsonobjectid', '507f1f77bcf86cd799439011', 'x'],
    ] as const
  ).map(([format, ...values]) =>
    judged(
      `the format ${format}`,
      object({ a: { type: 'string', format } }),
      ...values.map((a) => ({ a })),
    ),
  ),
  judged(
    'lists',
    object({ a: { type: 'array', items: string, minItems: 1, maxItems: 2 } }),
    { a: [] },
    { a: ['x', 'y', 'z'] },
    { a: ['x', 1] },
  ),
  judged(
    'sets',
    object({
      a: { type: 'array', items: string, 'x-kubernetes-list-type': 'set' },
      b: {
        type: 'array',
        items: { ...object({ c: integer }), 'x-kubernetes-map-type': 'atomic' },
        'x-kubernetes-list-type': 'set',
      },
    }),
    { a: ['x', 'y', 'x', 'x'] },
    { b: [{ c: 1 }, { c: 1 }] },
  ),
  judged(
    'list maps',
    object({
      a: {
        type: 'array',
        items: object(
          { k: string, p: { type: 'string', default: 'TCP' }, v: integer },
          { required: ['k'] },
        ),
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k', 'p'],
      },
    }),
    { a: [{ k: 'x' }, { k: 'x', p: 'UDP' }] },
    { a: [{ k: 'x' }, { k: 'x', p: 'TCP' }] },
    { a: [{ p: 'x' }] },
  ),
  judged(
    'maps',
    object({
      a: { type: 'object', additionalProperties: integer, maxProperties: 2, minProperties: 1 },
    }),
    { a: {} },
    { a: { x: 1, y: 2, z: 3 } },
    { a: { x: 'y' } },
    { a: { 'a.b/c': 'y' } },
  ),
  judged(
    'int-or-string',
    object({
      a: { 'x-kubernetes-int-or-string': true },
      b: { 'x-kubernetes-int-or-string': true, pattern: '^\\d+%$' },
    }),
    { a: 1 },
    { a: 'x' },
    { a: 1.5 },
    { a: true },
    { b: '5%' },
    { b: 'x' },
    { b: 3 },
  ),
  judged(
    'junctors',
    object(
      { a: string, b: string, c: integer, d: string },
      { anyOf: [{ required: ['a'] }, { required: ['b'] }], not: { required: ['d'] } },
    ),
    {},
    { a: 'x' },
    { a: 'x', d: 'x' },
  ),
  judged(
    'oneOf and allOf',
    object(
      { a: string, b: string, c: { type: 'integer', allOf: [{ minimum: 1 }, { maximum: 3 }] } },
      { oneOf: [{ required: ['a'] }, { required: ['b'] }] },
    ),
    {},
    { a: 'x', b: 'x' },
    { a: 'x', c: 5 },
    { a: 'x' },
  ),
  judged(
    'null',
    object({
      a: string,
      b: { type: 'string', nullable: true },
      c: { type: 'string', default: 'x' },
      d: { type: 'string', nullable: true, default: 'x' },
      e: { type: 'array', items: string },
      f: { type: 'array', items: { type: 'string', nullable: true } },
      g: { type: 'object', additionalProperties: string },
    }),
    { a: null, b: null, c: null, d: null },
    { e: [null] },
    { f: [null] },
    { g: { x: null } },
    {},
  ),
  judged(
    'nullable and required',
    object({ a: { type: 'string', nullable: true }, b: string }, { required: ['a', 'b'] }),
    { a: null, b: null },
  ),
  judged(
    'defaults inside of defaults, lists and maps',
    object({
      a: {
        ...object({
          b: { type: 'integer', default: 1 },
          c: { ...object({ d: { type: 'string', default: 'x' } }), default: {} },
        }),
        default: {},
      },
      l: { type: 'array', items: object({ p: { type: 'string', default: 'TCP' } }) },
      m: {
        type: 'object',
        additionalProperties: object({ q: { type: 'boolean', default: true } }),
      },
      n: object({ r: { type: 'string', default: 'x' } }),
    }),
    {},
    { a: { b: 5 }, l: [{}, { p: 'UDP' }], m: { x: {} } },
    { n: {} },
  ),
  judged(
    'what is pruned',
    object({
      a: object({ b: string }),
      l: { type: 'array', items: object({ b: string }) },
      m: { type: 'object', additionalProperties: object({ b: string }) },
      o: { type: 'object' },
    }),
    { x: 1, a: { b: 'x', y: 1 }, l: [{ b: 'x', z: 1 }], m: { k: { b: 'x', z: 1 } }, o: { p: 1 } },
  ),
  judged(
    'what is preserved',
    object({
      a: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { b: object({ c: string }) },
      },
      l: { 'x-kubernetes-preserve-unknown-fields': true },
    }),
    { a: { x: { y: 1 }, b: { c: 'x', d: 1 } }, l: [1, 'x', { a: 1 }] },
  ),
  judged(
    'an embedded resource',
    object({
      a: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        properties: { spec: object({ b: string }) },
      },
      p: {
        type: 'object',
        'x-kubernetes-embedded-resource': true,
        'x-kubernetes-preserve-unknown-fields': true,
      },
    }),
    {
      a: {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'x', labels: { a: 'b' }, strange: 1 },
        spec: { b: 'x', c: 1 },
        more: 1,
      },
    },
    { a: {} },
    {
      p: {
        apiVersion: 'a/b/c',
        kind: 'not valid',
        metadata: { name: 'Not_Valid', labels: { 'a b': 'c d' } },
      },
    },
    { p: { apiVersion: 'v1', kind: 'Pod', metadata: { labels: { a: 1 } } } },
  ),
  judged('unknown fields beside those of an object', object({ a: string }), { a: 'x' }),
];

const updateCases: Case[] = [
  {
    name: 'crd: field validation is strict, warns, or ignores',
    steps: [
      ...defineSpec(object({ a: string })),
      ...['Strict', 'Warn', 'Ignore'].map((mode, index) =>
        post(
          `${things}?fieldValidation=${mode}`,
          { ...thing({ a: 'x', b: 1 }, `thing-${index}`), more: 1 },
          essence,
        ),
      ),
      post(
        `${things}?fieldValidation=Strict`,
        '{"apiVersion":"{id}.example.com/v1","kind":"Thing","metadata":{"name":"z","strange":1},"spec":{"a":"x","a":"y"}}',
        essence,
      ),
    ],
  },
  {
    name: 'crd: defaults that come later show on read, and what is pruned later does not',
    steps: [
      ...defineSpec(object({ a: string, gone: string })),
      quiet(post(things, thing({ a: 'x', gone: 'x' }))),
      quiet(
        jsonPatch(crdPath, [
          {
            op: 'replace',
            path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties',
            value: { a: string, late: { type: 'integer', default: 3 } },
          },
        ]),
      ),
      get(`${things}/one`, {
        until: ({ body }) => body.spec?.late === 3,
        only: ['spec', 'metadata.generation'],
      }),
      get(things, { only: ['items.0.spec'] }),
      mergePatch(
        `${things}/one`,
        { metadata: { labels: { a: 'b' } } },
        { only: ['spec', 'metadata.generation'] },
      ),
    ],
  },
  {
    name: 'crd: what was wrong before may stay, and may not spread',
    steps: [
      ...defineSpec(
        object({
          a: string,
          l: { type: 'array', items: string },
          m: {
            type: 'array',
            items: object({ k: string, v: string }, { required: ['k'] }),
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
          },
          o: object({ p: string }),
        }),
      ),
      quiet(
        post(
          things,
          thing({
            a: 'long text',
            l: ['long text'],
            m: [{ k: 'a', v: 'long text' }],
            o: { p: 'x' },
          }),
        ),
      ),
      quiet(
        jsonPatch(crdPath, [
          {
            op: 'replace',
            path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec',
            value: object(
              {
                a: { type: 'string', maxLength: 3 },
                l: { type: 'array', items: { type: 'string', maxLength: 3 } },
                m: {
                  type: 'array',
                  items: object(
                    { k: string, v: { type: 'string', maxLength: 3 } },
                    { required: ['k'] },
                  ),
                  'x-kubernetes-list-type': 'map',
                  'x-kubernetes-list-map-keys': ['k'],
                },
                o: object({ p: string, q: string }, { required: ['q'] }),
                b: string,
              },
              { required: ['b'] },
            ),
          },
        ]),
      ),
      // The new schema is in force when it refuses.
      post(things, thing({ b: 'x', a: 'long text' }, 'probe'), {
        until: ({ status }) => status === 422,
        only: ['message'],
      }),
      mergePatch(`${things}/one`, { metadata: { labels: { a: 'b' } } }, essence),
      mergePatch(`${things}/one`, { spec: { b: 'x' } }, essence),
      mergePatch(`${things}/one`, { spec: { a: 'other text' } }, essence),
      mergePatch(`${things}/one`, { spec: { l: ['other text', 'long text'] } }, essence),
      mergePatch(
        `${things}/one`,
        {
          spec: {
            m: [
              { k: 'b', v: 'x' },
              { k: 'a', v: 'long text' },
            ],
          },
        },
        essence,
      ),
      mergePatch(`${things}/one`, { spec: { o: { p: 'y' } } }, essence),
    ],
  },
  {
    name: 'crd: status is written by its own path',
    steps: [
      ...define(
        definition([
          {
            ...version({}),
            schema: {
              openAPIV3Schema: object({
                spec: object({ a: string }),
                status: object({ phase: { type: 'string', enum: ['A', 'B'] } }),
              }),
            },
            subresources: { status: {} },
          },
        ]),
      ),
      post(things, thing({ a: 'x' }, 'one', { status: { phase: 'A' } }), {
        only: ['spec', 'status', 'metadata.generation'],
      }),
      mergePatch(
        `${things}/one/status`,
        { spec: { a: 'y' }, status: { phase: 'B', more: 1 } },
        { only: ['spec', 'status', 'metadata.generation'] },
      ),
      mergePatch(
        `${things}/one/status`,
        { status: { phase: 'C' } },
        { only: ['message', 'details'] },
      ),
      mergePatch(
        `${things}/one/status`,
        { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } } },
        { only: ['metadata.labels', 'metadata.annotations', 'metadata.generation'] },
      ),
      mergePatch(
        `${things}/one`,
        { spec: { a: 'z' }, status: { phase: 'A' } },
        { only: ['spec', 'status', 'metadata.generation'] },
      ),
      get(`${things}/one/status`, { only: ['kind', 'spec', 'status'] }),
      mergePatch(`${things}/one/status`, { status: null }, { only: ['status'] }),
      del(`${things}/one/status`, undefined, { only: ['message', 'code'] }),
    ],
  },
  {
    name: 'crd: without the subresource, status is a field like any other',
    steps: [
      ...define(
        definition([
          {
            ...version({}),
            schema: {
              openAPIV3Schema: object({ spec: object({}), status: object({ a: string }) }),
            },
          },
        ]),
      ),
      post(things, thing({}, 'one', { status: { a: 'x' } }), {
        only: ['status', 'metadata.generation'],
      }),
      mergePatch(
        `${things}/one`,
        { status: { a: 'y' } },
        { only: ['status', 'metadata.generation'] },
      ),
      get(`${things}/one/status`, { only: ['message', 'code'] }),
    ],
  },
  {
    name: 'crd: scale',
    steps: [
      ...define(
        definition([
          {
            ...version({}),
            schema: {
              openAPIV3Schema: object({
                spec: object({ n: { type: 'integer', maximum: 5 } }),
                status: object({ n: integer, sel: string }),
              }),
            },
            subresources: {
              status: {},
              scale: {
                specReplicasPath: '.spec.n',
                statusReplicasPath: '.status.n',
                labelSelectorPath: '.status.sel',
              },
            },
          },
        ]),
      ),
      quiet(post(things, thing({}))),
      get(`${things}/one/scale`),
      mergePatch(`${things}/one/scale`, { spec: { replicas: 3 } }),
      quiet(mergePatch(`${things}/one/status`, { status: { n: 2, sel: 'a=b' } })),
      get(`${things}/one/scale`, { save: 'scale' }),
      put(`${things}/one/scale`, (saved: Json) => ({ ...saved['scale'], spec: { replicas: 4 } }), {
        only: ['spec', 'status'],
      }),
      put(`${things}/one/scale`, (saved: Json) => ({ ...saved['scale'], spec: { replicas: 5 } }), {
        only: ['message', 'reason', 'details'],
      }),
      mergePatch(
        `${things}/one/scale`,
        { spec: { replicas: 9 } },
        { only: ['message', 'reason', 'details'] },
      ),
      mergePatch(
        `${things}/one/scale`,
        { spec: { replicas: -1 } },
        { only: ['message', 'reason', 'details'] },
      ),
      get(`${things}/one`, { only: ['spec', 'metadata.generation'] }),
      quiet(jsonPatch(`${things}/one`, [{ op: 'remove', path: '/spec/n' }])),
      get(`${things}/one/scale`, { only: ['spec', 'message'] }),
    ],
  },
  {
    name: 'crd: columns of a table, with dates, priorities and lists',
    steps: [
      ...defineSpec(
        object({
          a: string,
          n: integer,
          when: { type: 'string', format: 'date-time' },
          l: { type: 'array', items: object({ t: string, s: string }) },
          f: { type: 'number' },
          b: { type: 'boolean' },
        }),
        {
          additionalPrinterColumns: [
            { name: 'A', type: 'string', jsonPath: '.spec.a', description: 'the a' },
            { name: 'N', type: 'integer', jsonPath: '.spec.n', format: 'int32' },
            { name: 'When', type: 'date', jsonPath: '.spec.when' },
            { name: 'Ready', type: 'string', jsonPath: '.spec.l[?(@.t=="Ready")].s' },
            { name: 'All', type: 'string', jsonPath: '.spec.l[*].t', priority: 1 },
            { name: 'F', type: 'number', jsonPath: '.spec.f' },
            { name: 'B', type: 'boolean', jsonPath: '.spec.b' },
            { name: 'Object', type: 'string', jsonPath: '.spec.l[0]' },
            { name: 'Mismatch', type: 'integer', jsonPath: '.spec.a' },
            { name: 'None', type: 'string', jsonPath: '.spec.none.at.all' },
          ],
        },
      ),
      quiet(
        post(
          things,
          thing({
            a: 'x',
            n: 3,
            when: '2020-01-01T00:00:00Z',
            f: 1.5,
            b: false,
            l: [
              { t: 'Ready', s: 'True' },
              { t: 'Other', s: 'False' },
            ],
          }),
        ),
      ),
      quiet(post(things, thing({}, 'two'))),
      get(things, {
        accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
        only: [
          'columnDefinitions',
          'rows.0.cells.0',
          'rows.0.cells.1',
          'rows.0.cells.2',
          'rows.0.cells.4',
          'rows.0.cells.5',
          'rows.0.cells.6',
          'rows.0.cells.7',
          'rows.0.cells.8',
          'rows.0.cells.9',
          'rows.0.cells.10',
          'rows.1.cells',
        ],
      }),
    ],
  },
  {
    name: 'crd: a table without columns has the age',
    steps: [
      ...defineSpec(object({})),
      quiet(post(things, thing({}))),
      get(`${things}/one`, {
        accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
        only: ['columnDefinitions', 'rows.0.cells'],
      }),
    ],
  },
  {
    name: 'crd: fields that can be selected',
    steps: [
      ...defineSpec(object({ a: string, n: integer, b: { type: 'boolean' } }), {
        selectableFields: [
          { jsonPath: '.spec.a' },
          { jsonPath: '.spec.n' },
          { jsonPath: '.spec.b' },
        ],
      }),
      quiet(post(things, thing({ a: 'x', n: 1, b: true }))),
      quiet(post(things, thing({ a: 'y', n: 2 }, 'two'))),
      ...[
        'spec.a=x',
        'spec.n=2',
        'spec.b=true',
        'spec.b=',
        'spec.a!=x',
        'spec.none=x',
        'metadata.name=two',
        'spec.a=x,spec.n=2',
      ].map((selector) =>
        get(`${things}?fieldSelector=${encodeURIComponent(selector)}`, {
          only: ['items.0.metadata.name', 'items.1.metadata.name', 'message', 'reason'],
        }),
      ),
    ],
  },
  {
    name: 'crd: a deprecated version warns',
    steps: [
      ...define(
        definition([
          version(object({}), { deprecated: true }),
          version(object({}), { deprecated: true, deprecationWarning: 'use v9' }, 'v2', false),
        ]),
      ),
      get(things, { only: ['items'] }),
      get(`/apis/${group}/v2/namespaces/{ns}/things`, { only: ['items'] }),
    ],
  },
  {
    name: 'crd: versions without conversion prune what the other has not',
    steps: [
      ...define(
        definition([
          version(object({ a: string, both: string })),
          version(
            object({ b: { type: 'string', default: 'late' }, both: string }),
            {},
            'v2',
            false,
          ),
        ]),
      ),
      post(things, thing({ a: 'x', both: 'y' }), { only: ['apiVersion', 'spec'] }),
      get(`/apis/${group}/v2/namespaces/{ns}/things/one`, { only: ['apiVersion', 'spec'] }),
      post(
        `/apis/${group}/v2/namespaces/{ns}/things`,
        thing({ b: 'x', both: 'y' }, 'two', { apiVersion: `${group}/v2` }),
        { only: ['apiVersion', 'spec'] },
      ),
      get(`${things}/two`, { only: ['apiVersion', 'spec'] }),
      get(`/apis/${group}/v2/namespaces/{ns}/things`, {
        only: ['kind', 'apiVersion', 'items.0.spec', 'items.1.spec', 'items.0.apiVersion'],
      }),
      mergePatch(
        `/apis/${group}/v2/namespaces/{ns}/things/one`,
        { spec: { b: 'z' } },
        { only: ['apiVersion', 'spec', 'metadata.generation'] },
      ),
      get(`${things}/one`, { only: ['apiVersion', 'spec', 'metadata.generation'] }),
      watch(`/apis/${group}/v2/namespaces/{ns}/things?watch=true&timeoutSeconds=5`, 2, {
        only: ['0.type', '0.object.apiVersion', '0.object.spec', '1.object.spec'],
      }),
    ],
  },
  {
    name: 'crd: a new storage version, and a write of the same that moves the object',
    steps: [
      ...define(
        definition([
          version(object({ a: string, both: string })),
          version(object({ b: string, both: string }), {}, 'v2', false),
        ]),
      ),
      quiet(post(things, thing({ a: 'x', both: 'y' }))),
      quiet(
        jsonPatch(crdPath, [
          { op: 'replace', path: '/spec/versions/0/storage', value: false },
          { op: 'replace', path: '/spec/versions/1/storage', value: true },
        ]),
      ),
      get(crdPath, {
        until: ({ body }) => body.status?.storedVersions?.length === 2,
        only: ['status.storedVersions'],
      }),
      get(`${things}/one`, { only: ['spec'], save: 'one' }),
    ],
  },
  {
    name: 'crd: an object in a version that is not the path’s',
    steps: [
      ...defineSpec(object({})),
      post(things, { ...thing({}), spec: undefined, apiVersion: `${group}/v2` }, essence),
      post(things, { ...thing({}), kind: 'Other' }, essence),
      post(things, { metadata: { name: 'x' }, spec: {} }, essence),
      put(`${things}/absent`, thing({}, 'absent'), essence),
    ],
  },
  {
    name: 'crd: an update needs a resourceVersion',
    steps: [
      ...defineSpec(object({ a: string })),
      quiet(post(things, thing({ a: 'x' }))),
      put(`${things}/one`, thing({ a: 'y' }), essence),
    ],
  },
  {
    name: 'crd: server-side apply by the schema’s list types',
    steps: [
      ...defineSpec(
        object({
          m: {
            type: 'array',
            items: object({ k: string, v: string }, { required: ['k'] }),
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['k'],
          },
          s: { type: 'array', items: string, 'x-kubernetes-list-type': 'set' },
          l: { type: 'array', items: string },
          at: { ...object({ x: string, y: string }), 'x-kubernetes-map-type': 'atomic' },
        }),
      ),
      apply(
        `${things}/one?fieldManager=a`,
        thing({ m: [{ k: 'a', v: '1' }], s: ['a'], l: ['a'], at: { x: '1' } }),
        { only: ['spec', 'message'] },
      ),
      apply(`${things}/one?fieldManager=b`, thing({ m: [{ k: 'b', v: '2' }], s: ['b'] }), {
        only: ['spec', 'message'],
      }),
      apply(`${things}/one?fieldManager=b`, thing({ l: ['b'], at: { y: '2' } }), {
        only: ['message', 'details'],
      }),
      apply(`${things}/one?fieldManager=a`, thing({ s: ['c'] }), {
        only: ['spec', 'message', 'metadata.managedFields'],
        withManagedFields: true,
      }),
    ],
  },
];

const rule = (text: string, more: Json = {}): Json => ({ rule: text, ...more });
const withRules = (schema: Json, ...rules: readonly Json[]): Json => ({
  ...schema,
  'x-kubernetes-validations': rules,
});
const bounded = { type: 'string', maxLength: 20 };

const ruleCases: Case[] = [
  judged(
    'a rule with a message',
    withRules(object({ a: bounded }), rule("self.a != 'no'", { message: 'may not be no' })),
    { a: 'no' },
    { a: 'yes' },
  ),
  judged(
    'a rule without a message',
    withRules(object({ a: bounded }), rule("self.a != 'no'")),
    { a: 'no' },
    {},
  ),
  judged(
    'a rule with a message that is computed',
    withRules(
      object({ a: bounded }),
      rule("self.a != 'no'", { messageExpression: "'found ' + self.a" }),
    ),
    { a: 'no' },
  ),
  ...['FieldValueRequired', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueDuplicate'].map(
    (reason) =>
      judged(
        `a rule with the reason ${reason}`,
        withRules(
          object({ a: bounded }),
          rule("self.a != 'no'", { reason, fieldPath: '.a', message: 'may not be no' }),
        ),
        { a: 'no' },
      ),
  ),
  judged(
    'a rule on a scalar, a list and a map',
    object({
      s: withRules(bounded, rule("self != 'no'")),
      l: withRules(
        { type: 'array', maxItems: 5, items: withRules(bounded, rule("self != 'no'")) },
        rule('self.size() < 3'),
      ),
      m: withRules(
        {
          type: 'object',
          maxProperties: 5,
          additionalProperties: withRules({ type: 'integer' }, rule('self > 0')),
        },
        rule("'x' in self"),
      ),
    }),
    { s: 'no' },
    { l: ['a', 'no', 'b'] },
    { m: { y: 0 } },
  ),
  judged(
    'rules on field paths',
    withRules(
      object({
        m: object({ 'a.b': bounded }),
        l: { type: 'array', maxItems: 3, items: bounded },
        'x-y': bounded,
      }),
      rule("self.m.a__dot__b != 'no'", { fieldPath: ".m['a.b']" }),
      rule("self.x__dash__y != 'no'", { fieldPath: '.x-y' }),
    ),
    { m: { 'a.b': 'no' }, 'x-y': 'no' },
  ),
  judged(
    'rules that fail in their evaluation',
    withRules(
      object({ a: bounded, l: { type: 'array', maxItems: 3, items: bounded }, n: integer }),
      rule('self.l[2] == self.a'),
      rule('self.n / 0 == 1', { message: 'never' }),
    ),
    { a: 'x', l: ['x'], n: 1 },
  ),
  judged(
    'strings',
    withRules(
      object({ a: bounded }),
      rule("self.a.matches('^[a-z]+$')"),
      rule("self.a.startsWith('a')"),
      rule("self.a.upperAscii() == 'ABC'"),
      rule("self.a.split('').size() == 3"),
      rule("self.a.indexOf('c') == 2"),
      rule("self.a.substring(1) == 'bc'"),
      rule("self.a.replace('a', 'x') == 'xbc'"),
      rule("self.a.find('[0-9]+') == ''"),
      rule("'%s-%d'.format([self.a, 3]) == 'abc-3'"),
    ),
    { a: 'abc' },
    { a: 'B1' },
  ),
  judged(
    'lists and maps in rules',
    withRules(
      object({
        l: { type: 'array', maxItems: 5, items: { type: 'integer' } },
        m: { type: 'object', maxProperties: 5, additionalProperties: bounded },
      }),
      rule('self.l.all(x, x > 0)'),
      rule('self.l.exists(x, x == 2)'),
      rule('self.l.exists_one(x, x == 1)'),
      rule('self.l.map(x, x * 2).sum() == 12'),
      rule('self.l.isSorted()'),
      rule('self.l.filter(x, x > 1).size() == 2'),
      rule("self.m.all(k, self.m[k] != 'no')"),
      rule('self.l.max() == 3 && self.l.min() == 1'),
      rule('self.l.indexOf(2) == 1'),
    ),
    { l: [1, 2, 3], m: { a: 'b' } },
    { l: [3, -1], m: { a: 'no' } },
  ),
  judged(
    'quantities',
    withRules(
      object({ q: bounded }),
      rule('quantity(self.q).isLessThan(quantity("2Gi"))'),
      rule('isQuantity(self.q)'),
      rule('quantity(self.q).add(quantity("1")).compareTo(quantity("1Gi")) > 0'),
      rule('quantity(self.q).asApproximateFloat() > 0.0'),
    ),
    { q: '1Gi' },
    { q: '3Gi' },
    { q: 'x' },
  ),
  judged(
    'addresses',
    withRules(
      object({ a: { type: 'string', maxLength: 60 }, c: { type: 'string', maxLength: 60 } }),
      rule('isIP(self.a)'),
      rule('ip(self.a).family() == 4'),
      rule('!ip(self.a).isLoopback()'),
      rule('cidr(self.c).containsIP(self.a)'),
      rule('isCIDR(self.c) && cidr(self.c).prefixLength() == 8'),
      rule('ip.isCanonical(self.a)'),
    ),
    { a: '10.1.2.3', c: '10.0.0.0/8' },
    { a: '127.0.0.1', c: '127.0.0.0/8' },
    { a: '::1', c: 'fd00::/8' },
    { a: 'x', c: 'y' },
  ),
  judged(
    'URLs',
    withRules(
      object({ u: { type: 'string', maxLength: 60 } }),
      rule('isURL(self.u)'),
      rule("url(self.u).getScheme() == 'https'"),
      rule("url(self.u).getHostname() == 'a.example'"),
      rule("url(self.u).getPort() == '80'"),
      rule("url(self.u).getQuery()['x'] == ['1']"),
      rule("url(self.u).getEscapedPath() == '/p'"),
    ),
    { u: 'https://a.example:80/p?x=1' },
    { u: 'http://b.example/' },
    { u: 'no url' },
  ),
  judged(
    'formats in rules',
    withRules(
      object({ a: bounded }),
      rule('!format.dns1123Label().validate(self.a).hasValue()', {
        messageExpression: "format.dns1123Label().validate(self.a).orValue(['none'])[0]",
      }),
      rule("format.named('dns1123Subdomain').hasValue()"),
    ),
    { a: 'abc' },
    { a: 'A_b' },
  ),
  judged(
    'semantic versions',
    withRules(
      object({ v: bounded }),
      rule('isSemver(self.v)'),
      rule("semver(self.v).isGreaterThan(semver('1.2.0'))"),
      rule('semver(self.v).major() == 1'),
    ),
    { v: '1.2.3' },
    { v: '1.1.0' },
    { v: 'v1' },
  ),
  judged(
    'sets and other lists',
    withRules(
      object({
        a: { type: 'array', maxItems: 5, items: bounded, 'x-kubernetes-list-type': 'set' },
      }),
      rule("sets.contains(self.a, ['x'])"),
      rule("sets.intersects(self.a, ['y', 'z'])"),
      rule("sets.equivalent(self.a, ['y', 'x'])"),
      rule("self.a == ['y', 'x']"),
    ),
    { a: ['x', 'y'] },
    { a: ['z'] },
  ),
  judged(
    'times and durations',
    withRules(
      object({
        t: { type: 'string', format: 'date-time' },
        d: { type: 'string', format: 'duration' },
      }),
      rule("self.t > timestamp('2020-01-01T00:00:00Z')"),
      rule("self.d < duration('1h')"),
      rule('self.t.getFullYear() == 2024'),
      rule('self.d.getSeconds() == 300'),
    ),
    { t: '2024-02-01T00:00:00Z', d: '5m' },
    { t: '2019-02-01T00:00:00Z', d: '2h' },
  ),
  judged(
    'optional fields in rules',
    withRules(
      object({ a: bounded, o: object({ p: bounded }) }),
      rule("!has(self.a) || self.a != 'no'"),
      rule("self.?o.?p.orValue('x') == 'x'"),
      rule('has(self.o.p) == false || self.o.p.size() > 0'),
    ),
    {},
    { a: 'no', o: { p: 'y' } },
    { o: {} },
  ),
  judged(
    'int-or-string, embedded metadata and names of the root',
    withRules(
      object({ i: { 'x-kubernetes-int-or-string': true } }),
      rule('type(self.i) == int ? self.i < 5 : self.i.endsWith("%")'),
    ),
    { i: 3 },
    { i: '5%' },
    { i: 7 },
    { i: 'x' },
  ),
  {
    name: 'crd: a rule on the root',
    steps: [
      ...define(
        definition([
          {
            ...version({}),
            schema: {
              openAPIV3Schema: withRules(
                object({ spec: object({ a: string }) }),
                rule("self.metadata.name.startsWith('good')"),
                rule("self.kind == 'Thing' && self.apiVersion.endsWith('/v1')"),
              ),
            },
          },
        ]),
      ),
      post(things, thing({}, 'bad'), essence),
      post(things, thing({}, 'good'), essence),
    ],
  },
  {
    name: 'crd: rules about a change',
    steps: [
      ...defineSpec(
        withRules(
          object({
            a: withRules(bounded, rule('self == oldSelf', { message: 'is immutable' })),
            n: withRules(
              integer,
              rule('self >= oldSelf', {
                messageExpression: "'may not shrink below %d'.format([oldSelf])",
              }),
            ),
            o: withRules(
              bounded,
              rule("oldSelf.hasValue() || self == 'first'", { optionalOldSelf: true }),
            ),
            l: {
              type: 'array',
              maxItems: 5,
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['k'],
              items: withRules(
                object({ k: bounded, v: integer }, { required: ['k'] }),
                rule('self.v >= oldSelf.v'),
              ),
            },
          }),
          rule('!has(oldSelf.a) || has(self.a)', { message: 'a is required once set' }),
        ),
      ),
      post(things, thing({ a: 'x', n: 3, o: 'second' }), essence),
      post(
        things,
        thing({
          a: 'x',
          n: 3,
          o: 'first',
          l: [
            { k: 'a', v: 1 },
            { k: 'b', v: 2 },
          ],
        }),
        essence,
      ),
      mergePatch(`${things}/one`, { spec: { a: 'y' } }, essence),
      mergePatch(`${things}/one`, { spec: { n: 2 } }, essence),
      mergePatch(`${things}/one`, { spec: { a: null } }, essence),
      mergePatch(
        `${things}/one`,
        {
          spec: {
            l: [
              { k: 'b', v: 1 },
              { k: 'c', v: 0 },
            ],
          },
        },
        essence,
      ),
      mergePatch(`${things}/one`, { spec: { o: 'third', n: 5 } }, essence),
    ],
  },
  {
    name: 'crd: a rule that was broken before may stay broken',
    steps: [
      ...defineSpec(object({ a: bounded, b: bounded, o: object({ p: bounded }) })),
      quiet(post(things, thing({ a: 'no', b: 'x', o: { p: 'no' } }))),
      quiet(
        jsonPatch(crdPath, [
          {
            op: 'replace',
            path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec',
            value: withRules(
              object({
                a: withRules(bounded, rule("self != 'no'")),
                b: bounded,
                o: withRules(object({ p: bounded, q: bounded }), rule("self.p != 'no'")),
              }),
              rule("self.a != 'no'", { message: 'the whole' }),
            ),
          },
        ]),
      ),
      post(things, thing({ a: 'no' }, 'probe'), {
        until: ({ status }) => status === 422,
        only: ['message'],
      }),
      mergePatch(`${things}/one`, { metadata: { labels: { a: 'b' } } }, essence),
      mergePatch(`${things}/one`, { spec: { b: 'y' } }, essence),
      mergePatch(`${things}/one`, { spec: { o: { q: 'y' } } }, essence),
    ],
  },
  answeredSpec(
    'rules that do not compile',
    withRules(
      object({ a: bounded, l: { type: 'array', maxItems: 3, items: bounded } }),
      rule('self.none == 1'),
      rule('self.a == 1'),
      rule('self.a +'),
      rule('self.a'),
      rule('nobody(self.a)'),
      rule(''),
    ),
  ),
  answeredSpec(
    'rules with wrong companions',
    withRules(
      object({ a: bounded }),
      rule("self.a != ''", { fieldPath: '.none' }),
      rule("self.a != ''", { fieldPath: 'a' }),
      rule("self.a != ''", { reason: 'Strange' }),
      rule("self.a != ''", { message: ' ' }),
      rule("self.a != ''", { message: 'two\nlines' }),
      rule("self.a != ''", { messageExpression: '1 + 1' }),
      rule("self.a != ''", { messageExpression: 'self.none' }),
      rule("self.a\n!= ''"),
      rule("self.a != ''", { optionalOldSelf: true }),
    ),
  ),
  answeredSpec('rules in places that have none', {
    ...object({ a: { type: 'array', items: withRules(bounded, rule('self == oldSelf')) } }),
    anyOf: [withRules({}, rule('true'))],
  }),
  answeredSpec(
    'a rule that costs too much',
    withRules(
      object({
        l: { type: 'array', items: object({ m: { type: 'array', items: { type: 'string' } } }) },
      }),
      rule("self.l.all(x, x.m.all(y, y.matches('a')))"),
    ),
  ),
  answeredSpec(
    'a rule on lists without bounds',
    object({
      l: {
        type: 'array',
        items: withRules(object({ a: { type: 'string' } }), rule("self.a.contains('x')")),
      },
    }),
  ),
  answeredSpec(
    'rules whose sum costs too much',
    object({
      l: {
        type: 'array',
        maxItems: 1000,
        items: withRules(
          object({ a: { type: 'string', maxLength: 1000 } }),
          ...Array.from({ length: 6 }, (_, index) => rule(`self.a.matches('x${index}')`)),
        ),
      },
    }),
  ),
  answeredSpec(
    'a transition rule where nothing can be compared',
    object({
      l: {
        type: 'array',
        'x-kubernetes-list-type': 'atomic',
        maxItems: 3,
        items: withRules(bounded, rule('self == oldSelf')),
      },
    }),
  ),
  answeredSpec(
    'a rule under preserved fields',
    withRules(
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: bounded } },
      rule('self.b == 1'),
    ),
  ),
  answeredSpec(
    'a rule of a nullable field',
    withRules({ ...object({ a: bounded }), nullable: true }, rule("self.a != ''")),
  ),
];

export const crdCases: readonly Case[] = [
  ...structuralCases,
  ...definitionCases,
  ...lifeCases,
  ...valueCases,
  ...updateCases,
  ...ruleCases,
];
