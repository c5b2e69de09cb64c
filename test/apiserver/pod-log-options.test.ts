import assert from 'node:assert/strict';
import type { PodLogRequest } from '../../runtime/apiserver/pod-log.ts';
import { PodRefusal } from '../../runtime/apis/core/pod-refusal.ts';
import { startApi } from './api-harness.ts';

describe('The options of pods/log', () => {
  let api: Awaited<ReturnType<typeof startApi>>;
  const asked: PodLogRequest[] = [];
  before(async () => {
    api = await startApi({
      readPodLog(request) {
        asked.push(request);
        if (request.pod === 'forgotten') throw new PodRefusal(404, 'no log is kept');
        if (request.previous)
          throw new PodRefusal(400, 'previous terminated container "a" in pod "p" not found');
        return (async function* () {
          await Promise.resolve();
          yield Buffer.from('0123');
          yield Buffer.from('456789');
        })();
      },
    });
    await api.request('POST', '/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        containers: [
          { name: 'a', image: 'i' },
          { name: 'b', image: 'i' },
        ],
      },
    });
  });
  after(() => api.close());

  const read = async (
    pod: string,
    query: Record<string, string>,
  ): Promise<{ status: number; text: string }> => {
    const path = `/api/v1/namespaces/default/pods/${pod}/log`;
    const { status, body } = await api.server.transport.stream({ path, query });
    let text = '';
    for await (const chunk of body) text += Buffer.from(chunk).toString();
    return { status, text: status < 400 ? text : (JSON.parse(text) as Error).message };
  };

  it('limitBytes cuts within a chunk and at its end', async () => {
    for (const [limitBytes, text] of [
      ['2', '01'],
      ['4', '0123'],
      ['7', '0123456'],
      ['99', '0123456789'],
    ] as const)
      assert.equal((await read('p', { container: 'a', limitBytes })).text, text);
  });

  it('sinceTime and sinceSeconds reach the node, one of them at most', async () => {
    await read('p', { container: 'a', sinceTime: '2026-01-31T08:00:00.5Z' });
    assert.equal(asked.at(-1)?.sinceTimeMs, Date.parse('2026-01-31T08:00:00.5Z'));
    await read('p', { container: 'a', sinceSeconds: '5' });
    assert.equal(asked.at(-1)?.sinceSeconds, 5);
    const both = { container: 'a', sinceSeconds: '5', sinceTime: '2026-01-31T08:00:00Z' };
    assert.match((await read('p', both)).text, /at most one of `sinceTime` or `sinceSeconds`/);
  });

  it('refusals of the node are answers of the server', async () => {
    assert.deepEqual(await read('p', { container: 'a', previous: 'true' }), {
      status: 400,
      text: 'previous terminated container "a" in pod "p" not found',
    });
    assert.deepEqual(await read('forgotten', {}), {
      status: 404,
      text: 'pods "forgotten" not found',
    });
  });

  it('a pod that is gone is read as far as the node has kept its log', async () => {
    assert.deepEqual(await read('gone', {}), { status: 200, text: '0123456789' });
    assert.equal(asked.at(-1)?.container, undefined);
  });

  const rows: [query: Record<string, string>, message: RegExp][] = [
    [{}, /a container name must be specified for pod p, choose one of: \[a b\]/],
    [{ container: 'c' }, /container c is not valid for pod p/],
    [{ container: 'a', tailLines: '-1' }, /tailLines/],
    [{ container: 'a', limitBytes: '0' }, /limitBytes/],
    [{ container: 'a', sinceTime: 'yesterday' }, /sinceTime/],
  ];
  for (const [query, message] of rows)
    it(`${JSON.stringify(query)} is a bad request`, async () => {
      const { status, text } = await read('p', query);
      assert.equal(status, 400);
      assert.match(text, message);
    });
});
