/** Kinds that are served in a form that is not the stored one: HorizontalPodAutoscalers of v1, and newer Events. */
import assert from 'node:assert/strict';
import { fromVersion1, toVersion1 } from '../../runtime/apis/autoscaling/horizontal-conversion.ts';
import type { HorizontalPodAutoscaler } from '../../runtime/apis/autoscaling/horizontal-types.ts';
import { horizontalDefinitions } from '../../runtime/apis/autoscaling/horizontal-definitions.ts';
import { eventsDefinitions } from '../../runtime/apis/events/definitions.ts';
import { type Api, eventually, startApi, testDefinitions } from './api-harness.ts';

const EVENTS = '/api/v1/namespaces/default/events';
const NEWER = '/apis/events.k8s.io/v1/namespaces/default/events';
const V1 = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
const V2 = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };

describe('A kind with two faces', () => {
  let api: Api;
  before(async () => {
    api = await startApi({
      definitions: [...testDefinitions, ...eventsDefinitions, ...horizontalDefinitions],
    });
  });
  after(() => api.close());

  const newer = (name: string, about: string): object => ({
    metadata: { name },
    eventTime: '2030-01-01T00:00:00.000000Z',
    reportingController: 'example.com/c',
    reportingInstance: 'c-1',
    action: 'Act',
    reason: 'Acted',
    type: 'Normal',
    note: 'well',
    regarding: { kind: 'Pod', name: about, namespace: 'default' },
  });
  const core = (name: string, about: string): object => ({
    metadata: { name },
    involvedObject: { kind: 'Pod', name: about, namespace: 'default' },
    reason: 'Acted',
    message: 'well',
    type: 'Normal',
  });
  const namesOf = async (path: string, fieldSelector: string): Promise<string[]> =>
    (await api.request('GET', path, undefined, { query: { fieldSelector } })).body.items.map(
      ({ metadata }: any) => metadata.name,
    );

  it('is one collection, whose selectors have the names of the face', async () => {
    await api.request('POST', NEWER, newer('one', 'a'));
    await api.request('POST', EVENTS, core('two', 'a'));
    await api.request('POST', EVENTS, core('three', 'b'));
    assert.deepEqual(await namesOf(NEWER, 'regarding.name=a'), ['one', 'two']);
    assert.deepEqual(await namesOf(EVENTS, 'involvedObject.name=a'), ['one', 'two']);
    const { status } = await api.request('GET', NEWER, undefined, {
      query: { fieldSelector: 'involvedObject.name=a' },
    });
    assert.equal(status, 400);
  });

  it('is watched through either face, whoever writes', async () => {
    const watch = api.watch(NEWER, { fieldSelector: 'regarding.name=seen' });
    await api.request('POST', EVENTS, core('unseen', 'other'));
    await api.request('POST', EVENTS, core('seen', 'seen'));
    await api.request(
      'PATCH',
      `${NEWER}/seen`,
      { series: { count: 2, lastObservedTime: '2030-01-01T00:00:01.000000Z' } },
      { contentType: 'application/merge-patch+json' },
    );
    await api.request('DELETE', `${EVENTS}/seen`);
    await eventually(() => watch.events.length === 3);
    await watch.stop();
    assert.deepEqual(
      watch.events.map(({ type, object }: any) => [type, object.note, object.series?.count]),
      [
        ['ADDED', 'well', undefined],
        ['MODIFIED', 'well', 2],
        ['DELETED', 'well', 2],
      ],
    );
  });

  it('refuses a change of what happened', async () => {
    const { status, body } = await api.request(
      'PATCH',
      `${NEWER}/one`,
      { note: 'ill' },
      { contentType: 'application/merge-patch+json' },
    );
    assert.equal(status, 422);
    assert.equal(
      body.message,
      'Event "one" is invalid: message: Invalid value: "ill": field is immutable',
    );
  });

  it('keeps what the other version cannot say through a write of that version', async () => {
    const behavior = { scaleDown: { stabilizationWindowSeconds: 60 } };
    await api.request('POST', V2, {
      metadata: { name: 'web' },
      spec: { scaleTargetRef, maxReplicas: 3, behavior },
    });
    const old = structuredClone((await api.request('GET', `${V1}/web`)).body);
    assert.equal(old.spec.targetCPUUtilizationPercentage, 80);
    old.spec.maxReplicas = 9;
    assert.equal((await api.request('PUT', `${V1}/web`, old)).status, 200);
    const { spec, metadata } = (await api.request('GET', `${V2}/web`)).body;
    assert.equal(spec.maxReplicas, 9);
    assert.equal(spec.behavior.scaleDown.stabilizationWindowSeconds, 60);
    assert.equal(metadata.annotations, undefined);
  });

  it('lets a status of one version be read in the other', async () => {
    const status = { desiredReplicas: 2, currentReplicas: 1, currentCPUUtilizationPercentage: 40 };
    await api.request(
      'PATCH',
      `${V1}/web/status`,
      { status },
      { contentType: 'application/merge-patch+json' },
    );
    const shown = (await api.request('GET', `${V2}/web`)).body.status;
    assert.equal(shown.desiredReplicas, 2);
    assert.deepEqual(shown.currentMetrics, [
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40 } } },
    ]);
  });

  it('loses no metric of any type on the way there and back', () => {
    const metric = { name: 'm', selector: { matchLabels: { a: 'b' } } };
    const given: HorizontalPodAutoscaler = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'all', annotations: { own: 'x' } },
      spec: {
        scaleTargetRef,
        minReplicas: 2,
        maxReplicas: 5,
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
          },
          {
            type: 'ContainerResource',
            containerResource: {
              name: 'cpu',
              container: 'main',
              target: { type: 'Utilization', averageUtilization: 30 },
            },
          },
          { type: 'Pods', pods: { metric, target: { type: 'AverageValue', averageValue: '5' } } },
          {
            type: 'Object',
            object: {
              metric,
              describedObject: scaleTargetRef,
              target: { type: 'Value', value: '7' },
            },
          },
          {
            type: 'Object',
            object: {
              metric,
              describedObject: scaleTargetRef,
              target: { type: 'AverageValue', averageValue: '7' },
            },
          },
          { type: 'External', external: { metric, target: { type: 'Value', value: '9' } } },
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 55 } },
          },
        ],
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 0,
            selectPolicy: 'Disabled',
            policies: [{ type: 'Pods', value: 1, periodSeconds: 2 }],
          },
        },
      },
      status: {
        desiredReplicas: 3,
        currentReplicas: 2,
        currentMetrics: [
          { type: 'Pods', pods: { metric, current: { averageValue: '4' } } },
          {
            type: 'Resource',
            resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '100m' } },
          },
        ],
        conditions: [{ type: 'AbleToScale', status: 'True' }],
      },
    };
    assert.deepEqual(fromVersion1(toVersion1(given)), given);
    assert.equal(toVersion1(given).status?.currentCPUUtilizationPercentage, 50);
  });

  it('takes annotations that are nonsense for none', () => {
    const given = {
      apiVersion: 'autoscaling/v1',
      kind: 'HorizontalPodAutoscaler',
      metadata: {
        name: 'x',
        annotations: {
          'autoscaling.alpha.kubernetes.io/metrics': '{not json',
          'autoscaling.alpha.kubernetes.io/behavior': '7',
          'autoscaling.alpha.kubernetes.io/conditions': '{}',
        },
      },
      spec: { scaleTargetRef, maxReplicas: 1, targetCPUUtilizationPercentage: 20 },
    };
    const { spec, metadata } = fromVersion1(given);
    assert.equal(spec?.metrics?.length, 1);
    assert.equal(metadata.annotations, undefined);
  });
});
