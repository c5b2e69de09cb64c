import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'yaml';
import { findDuplicateKeys } from '../../../runtime/apiserver/codec/duplicate-keys.ts';
import { decodeProtobuf, encodeProtobuf } from '../../../runtime/apiserver/protobuf/envelope.ts';
import { startApi, type Api } from '../api-harness.ts';

/** What the assertions below read of an object, a list or a Status. */
interface Decoded {
  readonly kind?: string;
  readonly status?: unknown;
  readonly reason?: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly metadata?: { readonly name?: string; readonly uid?: string };
  readonly items?: readonly Decoded[];
}

const decoded = (bytes: Buffer): Decoded => decodeProtobuf(bytes);

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const MAPS = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly warnings: string;
  readonly bytes: Buffer;
  /** The body as JSON. */
  readonly json: any;
}

describe('What bodies and answers may look like', () => {
  let api: Api;
  let directory: string;
  let socketPath: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'knit-codec-'));
    socketPath = join(directory, 'api.sock');
    api = await startApi({ socketPath });
  });
  after(async () => {
    await api.close();
    await rm(directory, { recursive: true, force: true });
  });

  const send = (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body: string | Buffer = '',
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const length = { 'content-length': Buffer.byteLength(body) };
      const options = { socketPath, method, path, headers: { ...headers, ...length } };
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({
            code: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            warnings: response.headers['warning'] ?? '',
            bytes,
            get json() {
              return JSON.parse(bytes.toString()) as unknown;
            },
          });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });

  const post = (path: string, body: unknown, query = ''): Promise<Answer> =>
    send(
      'POST',
      path + query,
      { 'content-type': 'application/json' },
      typeof body === 'string' ? body : JSON.stringify(body),
    );

  const deployment = (name: string, spec: object = {}): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'example.com/a' }] },
      },
      ...spec,
    },
  });

  describe('protobuf', () => {
    const accept = `${PROTOBUF},application/json`;
    const headers = { 'content-type': PROTOBUF, accept };

    it('creates, reads, lists and deletes an object of a built-in kind', async () => {
      const body = encodeProtobuf({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'proto' },
        data: { a: '1' },
        binaryData: { b: 'AAEC' },
      });
      const created = await send('POST', MAPS, headers, body);
      assert.deepEqual([created.code, created.type], [201, PROTOBUF]);
      const object = decoded(created.bytes);
      assert.deepEqual(object.data, { a: '1' });
      assert.ok(object.metadata?.uid);

      const plain = await send('GET', `${MAPS}/proto`);
      assert.deepEqual(plain.json.binaryData, { b: 'AAEC' });
      assert.equal(plain.json.immutable, undefined);

      const list = await send('GET', MAPS, { accept });
      const { kind, items } = decoded(list.bytes);
      assert.equal(kind, 'ConfigMapList');
      assert.ok(items?.some(({ metadata }) => metadata?.name === 'proto'));

      const options = encodeProtobuf({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: { uid: 'another' },
      });
      const refused = await send('DELETE', `${MAPS}/proto`, headers, options);
      assert.equal(refused.code, 409);
      const status = decoded(refused.bytes);
      assert.deepEqual([status.kind, status.reason], ['Status', 'Conflict']);
      const gone = await send('DELETE', `${MAPS}/proto`, headers);
      assert.deepEqual([gone.code, decoded(gone.bytes).status], [200, 'Success']);
    });

    it('frames a watch by length', async () => {
      await post(MAPS, { metadata: { name: 'watched' } });
      const path = `${MAPS}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dwatched`;
      const { type, bytes } = await send('GET', path, { accept });
      assert.equal(type, `${PROTOBUF};stream=watch`);
      assert.equal(bytes.readUInt32BE(0), bytes.length - 4);
      // The event is its type and the object, whose body starts with the magic bytes.
      assert.equal(bytes.subarray(6, 11).toString(), 'ADDED');
      const raw = bytes.subarray(bytes.indexOf('k8s\0'));
      assert.equal(decoded(raw).metadata?.name, 'watched');
    });

    it('gives way to JSON for kinds that have no messages', async () => {
      const path = '/apis/test.knative.dev/v1/widgets';
      assert.equal((await send('GET', path, { accept })).type, 'application/json');
      assert.equal((await send('GET', path, { accept: PROTOBUF })).code, 406);
    });
  });

  describe('YAML', () => {
    it('is taken as a body and given as an answer', async () => {
      const type = 'application/yaml';
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata:\n  a: "1"\n';
      const created = await send('POST', MAPS, { 'content-type': type, accept: type }, text);
      assert.deepEqual([created.code, created.type], [201, type]);
      assert.deepEqual(parse(created.bytes.toString()).data, { a: '1' });
    });

    it('is taken as an apply patch', async () => {
      const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  a: x\n';
      const type = { 'content-type': 'application/apply-patch+yaml' };
      const applied = await send('PATCH', `${MAPS}/applied?fieldManager=me`, type, text);
      assert.deepEqual([applied.code, applied.json.data], [201, { a: 'x' }]);
    });

    it('may not expand without end', async () => {
      const levels = 'bcdefgh'
        .split('')
        .map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(9)}]`);
      const text = ['a: &a [x]', ...levels].join('\n');
      const type = { 'content-type': 'application/yaml' };
      assert.equal((await send('POST', MAPS, type, text)).code, 400);
    });
  });

  describe('fields', () => {
    it('of the wrong type are refused in the words of upstream', async () => {
      const { code, json } = await post(DEPLOYMENTS, deployment('typed', { replicas: 'two' }));
      assert.deepEqual(
        [code, json.message],
        [
          400,
          'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
        ],
      );
    });

    it('that are unknown are dropped with a warning', async () => {
      const { code, json, warnings } = await post(DEPLOYMENTS, deployment('warned', { foo: 1 }));
      assert.equal(code, 201);
      assert.equal(json.spec.foo, undefined);
      assert.equal(warnings, '299 - "unknown field \\"spec.foo\\""');
    });

    it('that are unknown are dropped in silence with fieldValidation=Ignore', async () => {
      const query = '?fieldValidation=Ignore';
      const { code, warnings } = await post(DEPLOYMENTS, deployment('quiet', { foo: 1 }), query);
      assert.deepEqual([code, warnings], [201, '']);
    });

    it('that are unknown or given twice are refused with fieldValidation=Strict', async () => {
      const text = JSON.stringify(deployment('strict', { foo: 1, replicas: 1 }));
      const twice = text.replace('"replicas":1', '"replicas":1,"replicas":2');
      const { code, json } = await post(DEPLOYMENTS, twice, '?fieldValidation=Strict');
      assert.deepEqual(
        [code, json.message],
        [
          400,
          'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: duplicate field "spec.replicas", unknown field "spec.foo"',
        ],
      );
    });

    it('that a patch brings are held against the schema too', async () => {
      await post(DEPLOYMENTS, deployment('patched'));
      const type = { 'content-type': 'application/merge-patch+json' };
      const patch = (body: object, query = ''): Promise<Answer> =>
        send('PATCH', `${DEPLOYMENTS}/patched${query}`, type, JSON.stringify(body));
      const warned = await patch({ spec: { foo: 1 } });
      assert.deepEqual([warned.code, warned.json.spec.foo], [200, undefined]);
      assert.equal((await patch({ spec: { foo: 1 } }, '?fieldValidation=Strict')).code, 422);
      assert.equal((await patch({ spec: { replicas: 'x' } })).code, 422);
    });

    it('are answered in canonical form, with what Go always writes', async () => {
      const resources = { requests: { cpu: '0.5', memory: '1024Mi' } };
      const template = {
        metadata: { labels: { app: 'canonical' } },
        spec: { containers: [{ name: 'main', image: 'a', resources, env: [] }] },
      };
      const { json } = await post(DEPLOYMENTS, deployment('canonical', { template }));
      const [container] = json.spec.template.spec.containers;
      assert.deepEqual(container.resources, { requests: { cpu: '500m', memory: '1Gi' } });
      assert.equal(container.env, undefined);
    });
  });
});

describe('Duplicate keys of a JSON text', () => {
  it('are found with their paths', () => {
    const text = '{"a":{"b":1,"b":2},"c":[{},{"d\\"":1,"d\\"":":"}],"a":0}';
    assert.deepEqual(findDuplicateKeys(text, JSON.parse(text)), ['a.b', 'c[1].d"', 'a']);
  });

  it('are never found in what a serializer wrote', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        assert.deepEqual(findDuplicateKeys(JSON.stringify(JSON.parse(text)), JSON.parse(text)), []);
      }),
    );
  });
});
