import assert from 'node:assert/strict';
import type { Resolution } from '../../runtime/apis/eventing/resolve-destination.ts';
import {
  ReferenceTracker,
  resolveDestination,
} from '../../runtime/apis/eventing/resolve-destination.ts';
import type { Broker, Trigger } from '../../runtime/apis/eventing/types.ts';
import type { Conditions } from '../../runtime/apis/meta/condition.ts';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { planBroker } from '../../runtime/eventing/broker/broker.ts';
import type { ObservedTrigger } from '../../runtime/eventing/trigger/trigger.ts';
import { planTrigger } from '../../runtime/eventing/trigger/trigger.ts';
import type { Plan } from '../../runtime/kube/plan.ts';

const NOW = Date.parse('2024-05-01T12:00:00Z');
const config = { ingressHost: 'broker-ingress.knative-eventing.svc.cluster.local' };
const resolved = (url: string): Resolution => ({ type: 'resolved', url });
const unresolved: Resolution = {
  type: 'unresolved',
  reason: 'NotFound',
  message: 'Service shop/x not found',
};

const broker: Broker = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { namespace: 'shop', name: 'default', uid: 'b', generation: 2 },
};
const trigger: Trigger = {
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { namespace: 'shop', name: 't', uid: 't', generation: 1 },
  spec: { broker: 'default', subscriber: { uri: 'http://x' } },
};

function written(plan: Plan): KubeObject {
  const [action] = plan.actions;
  assert(action?.type === 'updateStatus');
  return action.object;
}
const writtenBroker = (plan: Plan): Broker => written(plan);
const writtenTrigger = (plan: Plan): Trigger => written(plan) as Trigger;
const states = (conditions: Conditions | undefined): Record<string, string> =>
  Object.fromEntries(
    (conditions ?? []).map(({ type, status, reason }) => [
      type,
      reason ? `${status} ${reason}` : status,
    ]),
  );

describe('the Broker controller', () => {
  it('reports address, observedGeneration and every condition of the class', () => {
    const { status } = writtenBroker(
      planBroker({ broker, deadLetterSink: undefined }, config, NOW),
    );
    assert.equal(status?.address?.url, `http://${config.ingressHost}/shop/default`);
    assert.equal(status?.observedGeneration, 2);
    assert.deepEqual(states(status?.conditions), {
      Addressable: 'True',
      DeadLetterSinkResolved: 'True DeadLetterSinkNotConfigured',
      EventPoliciesReady: 'True DefaultAuthorizationMode',
      FilterReady: 'True',
      IngressReady: 'True',
      Ready: 'True',
      TriggerChannelReady: 'True',
    });
  });
  it('is not ready while its dead letter sink cannot be resolved', () => {
    const { status } = writtenBroker(
      planBroker({ broker, deadLetterSink: unresolved }, config, NOW),
    );
    assert.equal(states(status?.conditions)['Ready'], 'False DeadLetterSinkNotFound');
    assert.equal(status?.deadLetterSinkUri, undefined);
  });
  it('plans nothing on its own result', () => {
    const observed = { broker, deadLetterSink: resolved('http://dls') };
    const done = writtenBroker(planBroker(observed, config, NOW));
    assert.deepEqual(planBroker({ ...observed, broker: done }, config, NOW + 60_000).actions, []);
  });
});

describe('the Trigger controller', () => {
  const readyBroker = writtenBroker(planBroker({ broker, deadLetterSink: undefined }, config, NOW));
  const observe = (changes: Partial<ObservedTrigger> = {}): ObservedTrigger => ({
    trigger,
    broker: readyBroker,
    subscriber: resolved('http://hello.shop.svc.cluster.local'),
    deadLetterSink: undefined,
    dependency: { type: 'none' },
    ...changes,
  });
  const plan = (changes: Partial<ObservedTrigger> = {}): Trigger =>
    writtenTrigger(planTrigger(observe(changes), NOW));

  it('is ready with broker and subscriber', () => {
    const { status } = plan();
    assert.equal(status?.subscriberUri, 'http://hello.shop.svc.cluster.local');
    assert.deepEqual(states(status?.conditions), {
      BrokerReady: 'True',
      DeadLetterSinkResolved: 'True DeadLetterSinkNotConfigured',
      DependencyReady: 'True',
      OIDCIdentityCreated: 'True OIDCIdentitySkipped',
      Ready: 'True',
      SubscriberResolved: 'True',
      SubscriptionReady: 'True',
    });
  });
  it('waits for a broker that does not exist', () => {
    assert.equal(
      states(plan({ broker: undefined }).status?.conditions)['Ready'],
      'False BrokerDoesNotExist',
    );
  });
  it('does not trust a broker that has not been reconciled since it changed', () => {
    const stale = { ...readyBroker, metadata: { ...readyBroker.metadata, generation: 3 } };
    assert.equal(
      states(plan({ broker: stale }).status?.conditions)['BrokerReady'],
      'Unknown BrokerNotConfigured',
    );
  });
  it('says why its subscriber is not resolved, and takes the URI back', () => {
    const { status } = plan({ trigger: plan(), subscriber: unresolved });
    assert.equal(status?.subscriberUri, undefined);
    const condition = getCondition(status?.conditions, 'SubscriberResolved');
    assert.equal(condition?.reason, 'SubscriberNotFound');
    assert.equal(condition?.message, 'Service shop/x not found');
    assert.equal(states(status?.conditions)['SubscriptionReady'], 'Unknown NotSubscribed');
  });
  it('takes its own dead letter sink before the broker\u2019s', () => {
    const withSink = writtenBroker(
      planBroker({ broker, deadLetterSink: resolved('http://broker-sink') }, config, NOW),
    );
    assert.equal(plan({ broker: withSink }).status?.deadLetterSinkUri, 'http://broker-sink');
    const own = plan({ broker: withSink, deadLetterSink: resolved('http://own-sink') });
    assert.equal(own.status?.deadLetterSinkUri, 'http://own-sink');
  });
  it('is gated by its dependency', () => {
    const missing = plan({ dependency: { type: 'missing', message: 'gone' } });
    assert.equal(states(missing.status?.conditions)['Ready'], 'False DependencyDoesNotExist');
    const stale = { ...trigger, metadata: { ...trigger.metadata, generation: 9 } };
    const waiting = plan({ dependency: { type: 'found', object: stale } });
    assert.equal(
      states(waiting.status?.conditions)['DependencyReady'],
      'Unknown GenerationNotEqual',
    );
  });
  it('leaves triggers of other broker classes alone', () => {
    const kafka = {
      ...broker,
      metadata: {
        ...broker.metadata,
        annotations: { 'eventing.knative.dev/broker.class': 'Kafka' },
      },
    };
    assert.deepEqual(planTrigger(observe({ broker: kafka }), NOW).actions, []);
  });
  it('plans nothing on its own result', () => {
    assert.deepEqual(planTrigger(observe({ trigger: plan() }), NOW + 60_000).actions, []);
  });
});

describe('a Destination', () => {
  const service = {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'hello' },
    status: { address: { url: 'http://hello.shop.svc.cluster.local' } },
  };
  const coreService = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name: 'plain' },
  };
  const objects: readonly KubeObject[] = [service, coreService];
  const resolve = (
    destination: Parameters<typeof resolveDestination>[0],
    found = objects,
  ): Resolution =>
    resolveDestination(destination, {
      namespace: 'shop',
      lookUp: (ref) =>
        found.find(
          ({ apiVersion, kind, metadata }) =>
            apiVersion === ref.apiVersion &&
            kind === ref.kind &&
            metadata.name === ref.name &&
            metadata.namespace === ref.namespace,
        ),
    });
  const ref = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'hello' };

  it('is its uri where there is no ref', () => {
    assert.deepEqual(resolve({ uri: 'https://example.com/x' }), resolved('https://example.com/x'));
  });
  it('is the address of its ref', () => {
    assert.deepEqual(resolve({ ref }), resolved('http://hello.shop.svc.cluster.local'));
  });
  it('joins a relative uri to the address', () => {
    const url = 'http://hello.shop.svc.cluster.local/_knit/event/trigger';
    assert.deepEqual(resolve({ ref, uri: '/_knit/event/trigger' }), resolved(url));
  });
  it('is the name of a core Service', () => {
    const core = { apiVersion: 'v1', kind: 'Service', name: 'plain' };
    assert.deepEqual(resolve({ ref: core }), resolved('http://plain.shop.svc.cluster.local'));
  });
  it('prefers status.addresses over status.address', () => {
    const both = {
      ...service,
      status: { ...service.status, addresses: [{ url: 'https://hello' }] },
    };
    assert.deepEqual(resolve({ ref }, [both]), resolved('https://hello'));
  });
  const failures: readonly (readonly [string, Resolution, string])[] = [
    ['an object that does not exist', resolve({ ref: { ...ref, name: 'nope' } }), 'NotFound'],
    [
      'an object without an address',
      resolve({ ref }, [{ ...service, status: undefined } as KubeObject]),
      'NoAddress',
    ],
    [
      'a kind without addresses',
      resolve({ ref: { ...ref, kind: 'Configuration' } }),
      'NotAddressable',
    ],
  ];
  for (const [what, resolution, reason] of failures)
    it(`is unresolved for ${what}`, () => {
      assert.equal(resolution.type === 'unresolved' && resolution.reason, reason);
    });

  it('is tracked, so that a change of its object finds who refers to it', () => {
    const tracker = new ReferenceTracker();
    tracker.track('shop/t', [{ ...ref, namespace: 'shop' }]);
    assert.deepEqual(tracker.referrersOf(service), ['shop/t']);
    assert.deepEqual(tracker.referrersOf(coreService), []);
    tracker.track('shop/t', []);
    assert.deepEqual(tracker.referrersOf(service), []);
  });
});
