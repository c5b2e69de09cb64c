import assert from 'node:assert/strict';
import { mergeSchemaOf, patchSchemaOf } from '../../runtime/apiserver/patch/merge-schema.ts';

const containers = ['spec', 'template', 'spec', 'containers'];

describe('What patches and applies merge by', () => {
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment' };

  it('differs between the two where the API has two markers', () => {
    const ports = [...containers, 'ports'];
    assert.deepEqual(mergeSchemaOf(deployment).listShape(ports), {
      type: 'map',
      keys: ['containerPort', 'protocol'],
    });
    assert.deepEqual(patchSchemaOf(deployment).listShape(ports), {
      type: 'map',
      keys: ['containerPort'],
    });
    // Tolerations have no marker of either kind.
    const tolerations = ['spec', 'template', 'spec', 'tolerations'];
    assert.deepEqual(mergeSchemaOf(deployment).listShape(tolerations), { type: 'atomic' });
  });

  it('looks into inlined structs: the volumes of a projected volume are its own', () => {
    const volumes = ['spec', 'template', 'spec', 'volumes'];
    const schema = mergeSchemaOf(deployment);
    assert.deepEqual(schema.listShape(volumes), { type: 'map', keys: ['name'] });
    assert.deepEqual(schema.listShape([...volumes, 'projected', 'sources']), { type: 'atomic' });
    assert.equal(schema.isAtomicMap([...containers, 'env', 'valueFrom', 'secretKeyRef']), true);
    assert.equal(schema.isAtomicMap([...containers, 'env', 'valueFrom']), false);
  });

  it('takes selectors whole, those of a Deployment and those of a Service', () => {
    assert.equal(mergeSchemaOf(deployment).isAtomicMap(['spec', 'selector']), true);
    const service = mergeSchemaOf({ apiVersion: 'v1', kind: 'Service' });
    assert.equal(service.isAtomicMap(['spec', 'selector']), true);
    assert.equal(service.isAtomicMap(['metadata', 'labels']), false);
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
    const schema = mergeSchemaOf({
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      definition: {
        schema: {
          type: 'object',
          properties: {
            spec: {
              type: 'object',
              properties: { list, whole: { type: 'object', 'x-kubernetes-map-type': 'atomic' } },
            },
          },
        },
      },
    });
    assert.deepEqual(schema.listShape(['spec', 'list']), { type: 'map', keys: ['id'] });
    assert.deepEqual(schema.listShape(['spec', 'list', 'tags']), { type: 'set' });
    assert.deepEqual(schema.listShape(['spec', 'other']), { type: 'atomic' });
    assert.equal(schema.isAtomicMap(['spec', 'whole']), true);
    assert.deepEqual(schema.listShape(['metadata', 'finalizers']), { type: 'set' });
    assert.deepEqual(schema.listShape(['metadata', 'ownerReferences']), {
      type: 'map',
      keys: ['uid'],
    });
  });
});
