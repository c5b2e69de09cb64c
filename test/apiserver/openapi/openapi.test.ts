import assert from 'node:assert/strict';
import { startApi, type Api } from '../api-harness.ts';

describe('The OpenAPI documents', () => {
  let api: Api;

  before(async () => {
    api = await startApi();
  });
  after(() => api.close());

  const get = async (path: string): Promise<any> => (await api.request('GET', path)).body;

  it('are listed by group and version, with a hash that changes with the contents', async () => {
    const { paths } = await get('/openapi/v3');
    const urls = Object.entries(paths).map(([path, entry]: [string, any]) => {
      const match = /^\/openapi\/v3\/(.+)\?hash=([0-9A-F]{128})$/.exec(entry.serverRelativeURL);
      assert.equal(match?.[1], path);
      return match?.[2];
    });
    assert.equal(new Set(urls).size, urls.length);
    assert.ok(paths['api/v1'] && paths['apis/apps/v1']);
  });

  it('describe built-in kinds with types, required fields and merge keys', async () => {
    const { components } = await get('/openapi/v3/api/v1');
    const { properties, required } = components.schemas['io.k8s.api.core.v1.PodSpec'];
    assert.deepEqual(required, ['containers']);
    const { containers } = properties;
    assert.equal(containers['x-kubernetes-patch-merge-key'], 'name');
    assert.deepEqual(containers['x-kubernetes-list-map-keys'], ['name']);
    assert.deepEqual(
      components.schemas['io.k8s.api.core.v1.Pod']['x-kubernetes-group-version-kind'],
      [{ group: '', version: 'v1', kind: 'Pod' }],
    );
  });

  it('refer to nothing that they lack', async () => {
    const { paths } = await get('/openapi/v3');
    for (const document of [
      '/openapi/v2',
      ...Object.keys(paths).map((path) => `/openapi/v3/${path}`),
    ]) {
      const body = await get(document);
      const schemas = body.definitions ?? body.components.schemas;
      for (const [, name] of JSON.stringify(body).matchAll(
        /"\$ref":"#\/(?:definitions|components\/schemas)\/([^"]+)"/g,
      ))
        assert.ok(schemas[name ?? ''], `${document}: ${name}`);
    }
  });

  it('say that a patch takes fieldValidation, by which clients leave validation to the server', async () => {
    const { paths } = await get('/openapi/v3/apis/apps/v1');
    const { patch } = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    assert.ok(patch.parameters.some(({ name }: any) => name === 'fieldValidation'));
    assert.deepEqual(patch['x-kubernetes-group-version-kind'], {
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
    });
  });

  it('let kinds without a schema have any field', async () => {
    const { components } = await get('/openapi/v3/apis/test.knative.dev/v1');
    const schema = components.schemas['dev.knative.test.v1.Widget'];
    assert.equal(schema['x-kubernetes-preserve-unknown-fields'], true);
  });

  it('are not found for a group that there is not', async () => {
    assert.equal((await api.request('GET', '/openapi/v3/apis/none/v1')).status, 404);
  });
});
