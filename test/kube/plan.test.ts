import assert from 'node:assert/strict';
import type { ConfigMap, Event } from '../../runtime/apis/core/types.ts';
import { configMapKind, eventKind } from '../../runtime/apis/core/types.ts';
import { isNotFound } from '../../runtime/kube/api-error.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import type { PlannedEvent } from '../../runtime/kube/event-recorder.ts';
import { EventRecorder } from '../../runtime/kube/event-recorder.ts';
import type { Action } from '../../runtime/kube/plan.ts';
import { applyPlan, emptyPlan } from '../../runtime/kube/plan.ts';
import type { KubeTransport } from '../../runtime/kube/transport.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import type { Api } from '../apiserver/api-harness.ts';
import { eventually, startApi } from '../apiserver/api-harness.ts';

const kind = configMapKind;
const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data,
});

describe('Plans and Events', () => {
  let api: Api;
  let client: KubeClient;
  let clock: FakeClock;
  before(async () => {
    api = await startApi();
    client = new KubeClient(api.server.transport);
  });
  after(() => api.close());
  beforeEach(() => {
    clock = new FakeClock();
  });

  const recorderOn = (target: KubeClient): EventRecorder =>
    new EventRecorder({ client: target, component: 'test', clock, logger: silentLogger });
  const events = async (reason: string): Promise<readonly Event[]> =>
    (await client.list(eventKind, { namespace: 'default' })).items.filter(
      (event) => event.reason === reason,
    );
  const planned = (object: ConfigMap, reason: string): PlannedEvent => ({
    object,
    type: 'Normal',
    reason,
    message: 'it happened',
  });

  describe('applyPlan', () => {
    it('carries actions out in order, then says when to look again', async () => {
      const ref = { namespace: 'default', name: 'ordered' };
      const actions: Action[] = [
        { type: 'create', kind, object: configMap('ordered', { step: '1' }) },
        { type: 'patch', kind, ...ref, patchType: 'merge', body: { data: { more: '2' } } },
      ];
      const result = await applyPlan(
        { ...emptyPlan, actions, requeueAfterMs: 7 },
        { client, recorder: recorderOn(client) },
      );
      assert.deepEqual(result, { requeueAfterMs: 7 });
      assert.deepEqual((await client.get(kind, ref))?.data, { step: '1', more: '2' });
    });

    it('stops at the first action that fails, and records no event of what was not done', async () => {
      const actions: Action[] = [
        { type: 'update', kind, object: configMap('missing') },
        { type: 'create', kind, object: configMap('never') },
      ];
      const plan = { actions, events: [planned(configMap('never'), 'NeverDone')] };
      await assert.rejects(applyPlan(plan, { client, recorder: recorderOn(client) }), isNotFound);
      assert.equal(await client.get(kind, { namespace: 'default', name: 'never' }), undefined);
      assert.deepEqual(await events('NeverDone'), []);
    });

    it('throws the error of a plan after its actions', async () => {
      const actions: Action[] = [{ type: 'create', kind, object: configMap('said') }];
      const plan = { ...emptyPlan, actions, error: new Error('not owned') };
      await assert.rejects(applyPlan(plan, { client, recorder: recorderOn(client) }), /not owned/);
      assert.ok(await client.get(kind, { namespace: 'default', name: 'said' }));
    });

    it('deletes an object only while it has the uid that was planned for', async () => {
      const made = await client.create(kind, configMap('reborn'));
      const { uid, name } = made.metadata;
      const deletion = (of: string): Action => ({
        type: 'delete',
        kind,
        namespace: 'default',
        name,
        uid: of,
      });
      const recorder = recorderOn(client);
      const stale = { ...emptyPlan, actions: [deletion('another')] };
      await assert.rejects(applyPlan(stale, { client, recorder }), { reason: 'Conflict' });
      await applyPlan({ ...emptyPlan, actions: [deletion(uid ?? '')] }, { client, recorder });
      assert.equal(await client.get(kind, { namespace: 'default', name }), undefined);
    });
  });

  describe('EventRecorder', () => {
    it('counts repeats in one Event, with the first and the last time', async () => {
      const object = await client.create(kind, configMap('counted'));
      const recorder = recorderOn(client);
      recorder.record(planned(object, 'Counted'));
      await eventually(async () => (await events('Counted')).length === 1);
      clock.advance(5_000);
      recorder.record(planned(object, 'Counted'));
      await eventually(async () => (await events('Counted'))[0]?.count === 2);
      const [event, ...more] = await events('Counted');
      assert.deepEqual(more, []);
      assert.equal(event?.involvedObject.uid, object.metadata.uid);
      assert.equal(
        Date.parse(event?.lastTimestamp ?? '') - Date.parse(event?.firstTimestamp ?? ''),
        5_000,
      );
    });

    it('tells events of different messages apart', async () => {
      const object = await client.create(kind, configMap('told-apart'));
      const recorder = recorderOn(client);
      recorder.record(planned(object, 'ToldApart'));
      recorder.record({ ...planned(object, 'ToldApart'), message: 'it happened otherwise' });
      await eventually(async () => (await events('ToldApart')).length === 2);
    });

    it('drops what exceeds 256 events on their way, and never throws', async () => {
      let requests = 0;
      const transport: KubeTransport = {
        ...api.server.transport,
        request: () => {
          requests += 1;
          return new Promise(() => undefined);
        },
      };
      const recorder = recorderOn(new KubeClient(transport));
      for (let i = 0; i < 300; i++) recorder.record(planned(configMap(`lost-${i}`), 'Lost'));
      assert.equal(requests, 256);
    });
  });
});
