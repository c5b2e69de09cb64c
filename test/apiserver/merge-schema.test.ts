import assert from 'node:assert/strict';
import { typeOfKind, type TypeNode } from '../../runtime/apiserver/apply/type-node.ts';
import { patchSchemaOf } from '../../runtime/apiserver/patch/merge-schema.ts';

const containers = ['spec', 'template', 'spec', 'containers'];

/** Names lead through lists to their items. */
function at(root: TypeNode, path: readonly string[]): TypeNode | undefined {
  let node: TypeNode | undefined = root;
  for (const key of path) {
    while (node?.form === 'list') node = node.item;
    if (node?.form !== 'map') return node;
    node = node.field(key) ?? node.item;
  }
  return node;
}

const listAt = (root: TypeNode, path: readonly string[]): unknown => {
  const node = at(root, path);
  return node?.form === 'list' ? [node.kind, ...node.keys] : node?.form;
};

const isAtomic = (root: TypeNode, path: readonly string[]): unknown => {
  const node = at(root, path);
  return node?.form === 'map' ? node.isAtomic : node?.form;
};

describe('What patches and applies merge by', () => {
  const kind = { apiVersion: 'apps/v1', kind: 'Deployment' };
  const deployment = typeOfKind(kind);

  it('differs between the two where the API has two markers', () => {
    const ports = [...containers, 'ports'];
    assert.deepEqual(listAt(deployment, ports), ['map', 'containerPort', 'protocol']);
    assert.deepEqual(patchSchemaOf(kind).listShape(ports), {
      type: 'map',
      keys: ['containerPort'],
    });
    // Tolerations have no marker of either kind.
    const tolerations = ['spec', 'template', 'spec', 'tolerations'];
    assert.deepEqual(listAt(deployment, tolerations), ['atomic']);
    assert.deepEqual(patchSchemaOf(kind).listShape(tolerations), { type: 'atomic' });
  });

  it('knows what a key of an item is when it is left out', () => {
    const ports = at(deployment, [...containers, 'ports']);
    assert.ok(ports?.form === 'list' && ports.item.form === 'map');
    assert.equal(ports.item.defaultOf('protocol'), 'TCP');
    assert.equal(ports.item.defaultOf('containerPort'), 0);
    assert.equal(ports.item.defaultOf('hostIP'), undefined);
  });

  it('looks into inlined structs: the volumes of a projected volume are its own', () => {
    const volumes = ['spec', 'template', 'spec', 'volumes'];
    assert.deepEqual(listAt(deployment, volumes), ['map', 'name']);
    assert.deepEqual(listAt(deployment, [...volumes, 'projected', 'sources']), ['atomic']);
    const env = [...containers, 'env', 'valueFrom'];
    assert.equal(isAtomic(deployment, [...env, 'secretKeyRef']), true);
    assert.equal(isAtomic(deployment, env), false);
  });

  it('takes selectors whole, those of a Deployment and those of a Service', () => {
    assert.equal(isAtomic(deployment, ['spec', 'selector']), true);
    const service = typeOfKind({ apiVersion: 'v1', kind: 'Service' });
    assert.equal(isAtomic(service, ['spec', 'selector']), true);
    assert.equal(isAtomic(service, ['metadata', 'labels']), false);
  });

  it('is told by the markers of a custom kind, and by metadata of any kind', () => {
    const list = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
      items: {
        type: 'object',
        properties: { tags: { type: 'array', 'x-kubernetes-list-type': 'set' } },
      },
    };
    const properties = {
      list,
      whole: { type: 'object', 'x-kubernetes-map-type': 'atomic' },
      number: { 'x-kubernetes-int-or-string': true },
    };
    const custom = typeOfKind({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      definition: {
        schema: { type: 'object', properties: { spec: { type: 'object', properties } } },
      },
    });
    assert.deepEqual(listAt(custom, ['spec', 'list']), ['map', 'id']);
    assert.deepEqual(listAt(custom, ['spec', 'list', 'tags']), ['set']);
    assert.equal(at(custom, ['spec', 'other']), undefined);
    assert.equal(isAtomic(custom, ['spec', 'whole']), true);
    assert.deepEqual(at(custom, ['spec', 'number']), { form: 'scalar', scalar: 'any' });
    assert.deepEqual(listAt(custom, ['metadata', 'finalizers']), ['set']);
    assert.deepEqual(listAt(custom, ['metadata', 'ownerReferences']), ['map', 'uid']);
  });

  it('takes a kind without a schema as it comes', () => {
    const unknown = typeOfKind({ apiVersion: 'example.com/v1', kind: 'Other' });
    assert.deepEqual(at(unknown, ['spec', 'anything']), { form: 'any' });
    assert.deepEqual(listAt(unknown, ['metadata', 'finalizers']), ['set']);
  });
});
