import assert from 'node:assert/strict';
import { eventingDefinitions } from '../../runtime/apis/eventing/definitions.ts';
import { parseIsoDurationMs } from '../../runtime/apis/eventing/iso-duration.ts';
import type { Broker, Trigger } from '../../runtime/apis/eventing/types.ts';
import type { AdmissionContext, KindDefinition } from '../../runtime/apis/meta/kind-definition.ts';
import { formatFieldErrors } from '../../runtime/apis/meta/field-error.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { sourcesDefinitions } from '../../runtime/apis/sources/definitions.ts';
import type { PingSource } from '../../runtime/apis/sources/types.ts';

const create: AdmissionContext = { operation: 'CREATE', userName: 'admin', nowMs: 0 };
const update = (old: KubeObject): AdmissionContext => ({ ...create, operation: 'UPDATE', old });

function admit<T extends KubeObject>(object: T, context = create): { object: T; errors: string } {
  const definition = [...eventingDefinitions, ...sourcesDefinitions].find(
    ({ kind }) => kind === object.kind,
  ) as unknown as KindDefinition<T>;
  const defaulted = definition.applyDefaults?.(object, context) ?? object;
  return {
    object: defaulted,
    errors: formatFieldErrors(definition.validate?.(defaulted, context) ?? []),
  };
}

const broker = (changes: Partial<Broker> = {}): Broker => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Broker',
  metadata: { namespace: 'shop', name: 'default' },
  ...changes,
});
const ref = { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'hello' };
const trigger = (
  spec: Partial<Trigger['spec']> = {},
  annotations?: Record<string, string>,
): Trigger => ({
  apiVersion: 'eventing.knative.dev/v1',
  kind: 'Trigger',
  metadata: { namespace: 'shop', name: 't', ...(annotations ? { annotations } : {}) },
  spec: { broker: 'default', subscriber: { ref }, ...spec },
});
const ping = (spec: Partial<PingSource['spec']> = {}): PingSource => ({
  apiVersion: 'sources.knative.dev/v1',
  kind: 'PingSource',
  metadata: { namespace: 'shop', name: 'p' },
  spec: { sink: { ref }, ...spec },
});

describe('admission of a Broker', () => {
  it('fills in the class and the shipped delivery', () => {
    const { object, errors } = admit(broker());
    assert.equal(errors, '');
    assert.equal(
      object.metadata.annotations?.['eventing.knative.dev/broker.class'],
      'MTChannelBasedBroker',
    );
    assert.deepEqual(object.spec?.delivery, {
      retry: 10,
      backoffPolicy: 'exponential',
      backoffDelay: 'PT0.2S',
    });
  });
  it('leaves a delivery that is given alone, but for the namespace of its sink', () => {
    const { object } = admit(broker({ spec: { delivery: { retry: 1, deadLetterSink: { ref } } } }));
    assert.deepEqual(object.spec?.delivery, {
      retry: 1,
      deadLetterSink: { ref: { ...ref, namespace: 'shop' } },
    });
  });
  it('refuses a change of class or config', () => {
    const old = admit(broker()).object;
    const other = broker({ spec: { config: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x' } } });
    assert.match(admit(other, update(old)).errors, /Immutable.*spec\.config/);
    const classChanged = broker({
      metadata: { ...old.metadata, annotations: { 'eventing.knative.dev/broker.class': 'Kafka' } },
    });
    assert.match(admit(classChanged, update(old)).errors, /broker\.class/);
  });
});

describe('admission of a Trigger', () => {
  it('labels it with its broker and qualifies the subscriber', () => {
    const { object, errors } = admit(trigger());
    assert.equal(errors, '');
    assert.equal(object.metadata.labels?.['eventing.knative.dev/broker'], 'default');
    assert.equal(object.spec.subscriber.ref?.namespace, 'shop');
    assert.deepEqual(object.spec.filter, {});
  });
  const refused: readonly (readonly [string, Trigger, RegExp])[] = [
    ['no broker', trigger({ broker: '' }), /missing field\(s\): spec\.broker/],
    [
      'no subscriber',
      trigger({ subscriber: {} }),
      /expected at least one, got none: spec\.subscriber\.ref, spec\.subscriber\.uri/,
    ],
    ['a relative uri alone', trigger({ subscriber: { uri: '/x' } }), /Relative URI/],
    [
      'an absolute uri beside a ref',
      trigger({ subscriber: { ref, uri: 'http://x' } }),
      /Absolute URI/,
    ],
    [
      'another namespace',
      trigger({ subscriber: { ref: { ...ref, namespace: 'other' } } }),
      /mismatched namespaces/,
    ],
    [
      'an attribute name in capitals',
      trigger({ filter: { attributes: { Type: 'x' } } }),
      /invalid key name "Type"/,
    ],
    [
      'two dialects in one filter',
      trigger({ filters: [{ exact: { type: 'a' }, suffix: { type: 'b' } }] }),
      /multiple dialects.*spec\.filters\[0\]\.exact/,
    ],
    [
      'a name inside nested filters',
      trigger({ filters: [{ any: [{ not: { prefix: { 'a-b': 'x' } } }] }] }),
      /spec\.filters\[0\]\.any\[0\]\.not\.prefix/,
    ],
    [
      'an expression that does not parse',
      trigger({ filters: [{ cesql: 'total >' }] }),
      /spec\.filters\[0\]\.cesql/,
    ],
    ['a negative retry', trigger({ delivery: { retry: -1 } }), /spec\.delivery\.retry/],
    [
      'a delay that is no duration',
      trigger({ delivery: { backoffDelay: '5s' } }),
      /spec\.delivery\.backoffDelay/,
    ],
    ['a time-out of zero', trigger({ delivery: { timeout: 'PT0S' } }), /spec\.delivery\.timeout/],
    [
      'a dependency that is no reference',
      trigger({}, { 'knative.dev/dependency': 'x' }),
      /ObjectReference/,
    ],
    [
      'a dependency elsewhere',
      trigger({}, { 'knative.dev/dependency': JSON.stringify({ ...ref, namespace: 'other' }) }),
      /Namespace must be empty/,
    ],
  ];
  for (const [what, object, errors] of refused)
    it(`refuses ${what}`, () => {
      assert.match(admit(object).errors, errors);
    });
  it('refuses a change of broker', () => {
    assert.match(admit(trigger({ broker: 'other' }), update(trigger())).errors, /spec\.broker/);
  });
});

describe('admission of a PingSource', () => {
  it('defaults to every minute', () => {
    const { object, errors } = admit(ping());
    assert.equal(errors, '');
    assert.equal(object.spec.schedule, '* * * * *');
  });
  for (const schedule of ['*/5 * * * *', '0 30 9 * * MON-FRI', '@hourly', '0 0 1,15 * ?'])
    it(`accepts ${schedule}`, () => {
      assert.equal(admit(ping({ schedule })).errors, '');
    });
  const refused: readonly (readonly [string, PingSource, RegExp])[] = [
    ['@every', ping({ schedule: '@every 5m' }), /unsupported @every/],
    ['four fields', ping({ schedule: '* * * *' }), /spec\.schedule/],
    ['an unknown time zone', ping({ timezone: 'Mars/Olympus' }), /spec\.timezone/],
    ['both kinds of data', ping({ data: 'x', dataBase64: 'eA==' }), /spec\.data, spec\.dataBase64/],
    ['JSON that is none', ping({ data: '{', contentType: 'application/json' }), /spec\.data/],
    ['base64 that is none', ping({ dataBase64: '*' }), /spec\.dataBase64/],
    [
      'an override with a dash',
      ping({ ceOverrides: { extensions: { 'a-b': 'x' } } }),
      /ceOverrides/,
    ],
    ['no sink', ping({ sink: {} }), /spec\.sink/],
  ];
  for (const [what, object, errors] of refused)
    it(`refuses ${what}`, () => {
      assert.match(admit(object).errors, errors);
    });
});

describe('an ISO 8601 duration', () => {
  const rows: readonly (readonly [string, number | undefined])[] = [
    ['PT0.2S', 200],
    ['PT1M30S', 90_000],
    ['P1DT2H', 93_600_000],
    ['P2W', 1_209_600_000],
    ['PT0S', 0],
    ['P', undefined],
    ['PT', undefined],
    ['P1Y', undefined],
    ['5s', undefined],
    ['', undefined],
  ];
  for (const [text, ms] of rows)
    it(`${text || 'nothing'} is ${ms ?? 'refused'}`, () => {
      assert.equal(parseIsoDurationMs(text), ms);
    });
});
