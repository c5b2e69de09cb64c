import assert from 'node:assert/strict';
import fc from 'fast-check';
import { deepFreeze, jsonEqual } from '../../runtime/apiserver/json-value.ts';
import { applyJsonPatch } from '../../runtime/apiserver/patch/json-patch.ts';
import { patchSchemaOf } from '../../runtime/apiserver/patch/merge-schema.ts';
import { applyMergePatch } from '../../runtime/apiserver/patch/merge-patch.ts';
import { applyStrategicMergePatch } from '../../runtime/apiserver/patch/strategic-merge-patch.ts';
import { StatusError } from '../../runtime/apiserver/status-error.ts';

const hasCode = (code: number) => (error: unknown) =>
  error instanceof StatusError && error.status.code === code;

describe('merge patch (RFC 7396)', () => {
  // The examples of the RFC's appendix.
  const rows: readonly [target: unknown, patch: unknown, result: unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [['a'], { a: 'b' }, { a: 'b' }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of rows)
    it(`turns ${JSON.stringify(target)} with ${JSON.stringify(patch)} into ${JSON.stringify(result)}`, () =>
      assert.deepEqual(applyMergePatch(deepFreeze(target), patch), result));

  it('changes nothing when it repeats the document', () =>
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.integer())),
        (document) => jsonEqual(applyMergePatch(document, document), document),
      ),
    ));

  it('keeps a key named __proto__ a key', () => {
    const result = applyMergePatch({}, JSON.parse('{"data":{"__proto__":"x"}}')) as {
      data: Record<string, unknown>;
    };
    assert.equal(JSON.stringify(result), '{"data":{"__proto__":"x"}}');
    assert.equal(({} as Record<string, unknown>)['x'], undefined);
  });
});

describe('JSON patch (RFC 6902)', () => {
  const rows: readonly [title: string, document: unknown, patch: unknown, result: unknown][] = [
    ['adds a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    [
      'inserts into a list',
      { a: [1, 3] },
      [{ op: 'add', path: '/a/1', value: 2 }],
      { a: [1, 2, 3] },
    ],
    ['appends to a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    ['removes an item', { a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
    ['replaces', { a: { b: 1 } }, [{ op: 'replace', path: '/a/b', value: 2 }], { a: { b: 2 } }],
    ['moves', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
    ['copies', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
    [
      'unescapes the pointer',
      { 'a/b': 1, '~': 2 },
      [
        { op: 'replace', path: '/a~1b', value: 3 },
        { op: 'remove', path: '/~0' },
      ],
      { 'a/b': 3 },
    ],
    [
      'goes on after a test that holds',
      { a: { b: [1] } },
      [
        { op: 'test', path: '/a', value: { b: [1] } },
        { op: 'remove', path: '/a' },
      ],
      {},
    ],
  ];
  for (const [title, document, patch, result] of rows)
    it(title, () => assert.deepEqual(applyJsonPatch(deepFreeze(document), patch), result));

  const misfits: readonly [title: string, patch: unknown][] = [
    ['a test that fails', [{ op: 'test', path: '/a', value: 2 }]],
    ['a member that is not there', [{ op: 'remove', path: '/x' }]],
    ['replacing below what is not there', [{ op: 'replace', path: '/x/y', value: 1 }]],
    ['testing what is not there', [{ op: 'test', path: '/x', value: 1 }]],
    ['an unknown operation', [{ op: 'jump', path: '/a' }]],
    ['an operation without a path', [{ op: 'add', value: 1 }]],
    ['an addition of the whole', [{ op: 'add', path: '', value: {} }]],
    ['an index past the end', [{ op: 'add', path: '/l/5', value: 1 }]],
    ['a removal past the end', [{ op: 'remove', path: '/l/1' }]],
    ['a move into itself', [{ op: 'move', from: '/o', path: '/o/p' }]],
    ['a path through the prototype', [{ op: 'replace', path: '/__proto__/x', value: 1 }]],
  ];
  for (const [title, patch] of misfits)
    it(`refuses ${title} with 422`, () =>
      assert.throws(() => applyJsonPatch({ a: 1, l: [1], o: { p: 1 } }, patch), hasCode(422)));

  it('takes a missing member for null, as the real server does', () => {
    const patch = (operation: object): unknown => applyJsonPatch({ a: 1 }, [operation]);
    assert.deepEqual(patch({ op: 'replace', path: '/x', value: 1 }), { a: 1, x: 1 });
    assert.deepEqual(patch({ op: 'test', path: '/x', value: null }), { a: 1 });
    assert.deepEqual(patch({ op: 'add', path: '/x' }), { a: 1, x: null });
  });

  it('refuses to copy more than the largest body holds', () => {
    const copies = Array.from({ length: 30 }, () => ({ op: 'copy', from: '/a', path: '/a/-' }));
    assert.throws(() => applyJsonPatch({ a: ['x'.repeat(1_000)] }, copies), hasCode(422));
  });

  it('refuses more operations than the real server takes', () =>
    assert.throws(
      () =>
        applyJsonPatch(
          {},
          Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/a', value: 1 })),
        ),
      hasCode(413),
    ));

  for (const patch of [{}, [{ op: 1, path: '/a' }], [{ op: 'add', path: [] }], [1]])
    it(`refuses ${JSON.stringify(patch)} with 400`, () =>
      assert.throws(() => applyJsonPatch({}, patch), hasCode(400)));
});

describe('strategic merge patch', () => {
  const schema = patchSchemaOf({ apiVersion: 'apps/v1', kind: 'Deployment' });
  const container = { name: 'a', image: 'x:1', env: [{ name: 'A', value: '1' }] };
  const document = deepFreeze({
    metadata: { finalizers: ['one'] },
    spec: { template: { spec: { containers: [container, { name: 'b', image: 'y' }] } } },
  });
  const patchContainers = (containers: unknown[]): unknown =>
    applyStrategicMergePatch(document, { spec: { template: { spec: { containers } } } }, schema);
  const containersOf = (value: unknown): unknown =>
    (value as typeof document).spec.template.spec.containers;

  it('merges containers by name and their env by name', () =>
    assert.deepEqual(
      containersOf(
        patchContainers([{ name: 'a', image: 'x:2', env: [{ name: 'B', value: '2' }] }]),
      ),
      [
        {
          name: 'a',
          image: 'x:2',
          env: [
            // What a patch adds comes first, unless it says otherwise.
            { name: 'B', value: '2' },
            { name: 'A', value: '1' },
          ],
        },
        { name: 'b', image: 'y' },
      ],
    ));

  it('removes an item by the delete directive', () =>
    assert.deepEqual(containersOf(patchContainers([{ name: 'b', $patch: 'delete' }])), [
      container,
    ]));

  it('replaces the list by the replace directive', () =>
    assert.deepEqual(
      containersOf(patchContainers([{ $patch: 'replace' }, { name: 'c', image: 'z' }])),
      [{ name: 'c', image: 'z' }],
    ));

  it('sorts by the order directive', () =>
    assert.deepEqual(
      containersOf(
        applyStrategicMergePatch(
          document,
          {
            spec: {
              template: { spec: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] } },
            },
          },
          schema,
        ),
      ),
      [{ name: 'b', image: 'y' }, container],
    ));

  it('adds to finalizers and takes one away by its directive', () => {
    const added = applyStrategicMergePatch(document, { metadata: { finalizers: ['two'] } }, schema);
    assert.deepEqual((added as typeof document).metadata.finalizers, ['two', 'one']);
    const removed = applyStrategicMergePatch(
      added,
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['one'] } },
      schema,
    );
    assert.deepEqual((removed as typeof document).metadata.finalizers, ['two']);
  });

  it('tells the ports of a Service apart by port, those of a container by containerPort', () => {
    const service = { spec: { ports: [{ port: 80, targetPort: 1 }, { port: 81 }] } };
    const ofService = patchSchemaOf({ apiVersion: 'v1', kind: 'Service' });
    assert.deepEqual(
      applyStrategicMergePatch(
        service,
        { spec: { ports: [{ port: 80, targetPort: 2 }] } },
        ofService,
      ),
      { spec: { ports: [{ port: 80, targetPort: 2 }, { port: 81 }] } },
    );
    const listens = (ports: object[]): unknown => patchContainers([{ name: 'b', ports }]);
    const twice = applyStrategicMergePatch(
      listens([{ containerPort: 1 }]),
      {
        spec: {
          template: {
            spec: { containers: [{ name: 'b', ports: [{ containerPort: 2, name: 'x' }] }] },
          },
        },
      },
      schema,
    );
    assert.deepEqual((containersOf(twice) as { ports?: unknown }[])[1]?.ports, [
      { containerPort: 2, name: 'x' },
      { containerPort: 1 },
    ]);
  });

  it('keeps what $retainKeys names and nothing else', () => {
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    const rolling = {
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    };
    assert.deepEqual(applyStrategicMergePatch(rolling, patch, schema), {
      spec: { strategy: { type: 'Recreate' } },
    });
    const unnamed = { spec: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } } };
    assert.throws(() => applyStrategicMergePatch(rolling, unnamed, schema), hasCode(400));
  });

  it('refuses a list in another order than its own $setElementOrder', () => {
    const spec = {
      '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
      containers: [{ name: 'b' }, { name: 'a' }],
    };
    const patch = { spec: { template: { spec } } };
    assert.throws(() => applyStrategicMergePatch(document, patch, schema), /doesn't match/);
  });

  for (const [what, item] of [
    ['without its key', { image: 'z' }],
    ['with a directive that is none', { name: 'a', $patch: 'jump' }],
  ] as const)
    it(`refuses an item ${what} with 500, as the real server does`, () =>
      assert.throws(() => patchContainers([item]), hasCode(500)));
});
