/** What admission says about Serving's kinds, in Knative's words. */
import assert from 'node:assert/strict';
import { formatFieldErrors } from '../../../runtime/apis/meta/field-error.ts';
import type { AdmissionContext } from '../../../runtime/apis/meta/kind-definition.ts';
import { applyServiceDefaults } from '../../../runtime/apis/serving/defaults.ts';
import {
  validateRevision,
  validateRoute,
  validateService,
} from '../../../runtime/apis/serving/definitions.ts';
import type { Container } from '../../../runtime/apis/core/types.ts';
import type {
  Revision,
  RevisionSpec,
  Route,
  Service,
  TrafficTarget,
} from '../../../runtime/apis/serving/types.ts';

const create: AdmissionContext = { operation: 'CREATE', userName: 'ada', nowMs: 0 };

interface Given {
  readonly name?: string;
  readonly metadata?: Partial<Service['metadata']>;
  readonly template?: Service['spec']['template']['metadata'];
  readonly spec?: Partial<RevisionSpec>;
  readonly container?: Partial<Container>;
  readonly traffic?: TrafficTarget[];
}

function makeService(given: Given): Service {
  const container = { name: '', image: 'knit.local/hello:1', ...given.container };
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: { name: given.name ?? 'hello', namespace: 'ns', ...given.metadata },
    spec: {
      template: {
        ...(given.template ? { metadata: given.template } : {}),
        spec: { containers: [container], ...given.spec },
      },
      ...(given.traffic ? { traffic: given.traffic } : {}),
    },
  };
}

const errorsOf = (given: Given): string => {
  const service = applyServiceDefaults(makeService(given), create);
  return formatFieldErrors(validateService(service, create));
};
const annotations = (key: string, value: string): Given => ({
  template: { annotations: { [`autoscaling.knative.dev/${key}`]: value } },
});
const at = 'spec.template.spec.containers[0]';
const noted = 'spec.template.metadata.annotations.autoscaling.knative.dev';

describe('validation of a Service', () => {
  it('passes what is right', () => assert.equal(errorsOf({}), ''));

  for (const [title, given, expected] of [
    [
      'a percentage sum of 90',
      { traffic: [{ latestRevision: true, percent: 90 }] },
      'Traffic targets sum to 90, want 100: spec.traffic',
    ],
    [
      'the same tag twice',
      {
        traffic: [
          { percent: 100, tag: 't' },
          { percent: 0, tag: 't' },
        ],
      },
      'Multiple definitions for "t": spec.traffic[0].tag, spec.traffic[1].tag',
    ],
    [
      'a configurationName',
      { traffic: [{ configurationName: 'c', percent: 100 }] },
      'must not set the field(s): spec.traffic[0].configurationName',
    ],
    [
      'a revisionName beside latestRevision',
      { traffic: [{ revisionName: 'x', latestRevision: true, percent: 100 }] },
      'may not set revisionName "x" when latestRevision is true: spec.traffic[0].latestRevision',
    ],
    [
      'a url',
      { traffic: [{ percent: 100, url: 'http://x' }] },
      'must not set the field(s): spec.traffic[0].url',
    ],
    [
      'a percentage over 100',
      { traffic: [{ percent: 101 }] },
      'Traffic targets sum to 101, want 100: spec.traffic\nexpected 0 <= 101 <= 100: spec.traffic[0].percent',
    ],
    [
      'a timeout beyond the limit',
      { spec: { timeoutSeconds: 601 } },
      'expected 0 <= 601 <= 600: spec.template.spec.timeoutSeconds',
    ],
    [
      'a concurrency beyond the limit',
      { spec: { containerConcurrency: 1001 } },
      'expected 0 <= 1001 <= 1000: spec.template.spec.containerConcurrency',
    ],
    [
      'a pod field that is not allowed',
      { spec: { hostNetwork: true } },
      'must not set the field(s): spec.template.spec.hostNetwork',
    ],
    ['no image', { container: { image: '' } }, `missing field(s): ${at}.image`],
    [
      'an image that is none',
      { container: { image: 'a b' } },
      `Failed to parse image reference: ${at}.image\nimage: "a b", error: could not parse reference: a b`,
    ],
    [
      'a reserved variable',
      { container: { env: [{ name: 'K_SERVICE', value: 'x' }] } },
      `"K_SERVICE" is a reserved environment variable: ${at}.env[0].name`,
    ],
    [
      'a reserved port',
      { container: { ports: [{ containerPort: 9090 }] } },
      `invalid value: 9090 is a reserved port: ${at}.ports.containerPort\n9090 is a reserved port, please use a different value`,
    ],
    [
      'two ports',
      { container: { ports: [{ containerPort: 1 }, { containerPort: 2 }] } },
      'more than one container port is set: spec.template.spec.containers[*].ports\nOnly a single port is allowed across all containers',
    ],
    [
      'a port name of its own',
      { container: { ports: [{ name: 'web', containerPort: 80 }] } },
      `Port name web is not allowed: ${at}.ports\nName must be empty, or one of: 'h2c', 'http1'`,
    ],
    [
      'a lifecycle hook',
      { container: { lifecycle: {} } },
      `must not set the field(s): ${at}.lifecycle`,
    ],
    [
      'a volume that is not mounted',
      { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
      'volume with name "v" not mounted: spec.template.spec.volumes[0].name',
    ],
    [
      'a template name of another Service',
      { template: { name: 'other-1' } },
      'invalid value: "other-1" must have prefix "hello-": spec.template.metadata.name',
    ],
    [
      'a name with a dot',
      { name: 'a.b' },
      /^not a DNS 1035 label: \[a DNS-1035 label must .*\]: metadata\.name$/,
    ],
    [
      'a max-scale below the min-scale',
      {
        template: {
          annotations: {
            'autoscaling.knative.dev/minScale': '3',
            'autoscaling.knative.dev/max-scale': '2',
          },
        },
      },
      `max-scale=2 is less than min-scale=3: ${noted}/max-scale, ${noted}/min-scale`,
    ],
    [
      'a window below 6 s',
      annotations('window', '5s'),
      `expected 6s <= 5s <= 1h0m0s: ${noted}/window`,
    ],
    ['a metric of its own', annotations('metric', 'cpu'), `invalid value: cpu: ${noted}/metric`],
    [
      'an initial scale of zero',
      annotations('initial-scale', '0'),
      `invalid value: 0: ${noted}/initial-scale=0 not allowed by cluster`,
    ],
    [
      'a min-scale that is no number',
      annotations('min-scale', 'x'),
      `invalid value: x: ${noted}/min-scale`,
    ],
    [
      'an activation scale of 1',
      annotations('activation-scale', '1'),
      `activation-scale=1 must be greater than 1: ${noted}/activation-scale`,
    ],
    [
      'autoscaling annotations in the wrong place',
      { metadata: { annotations: { 'autoscaling.knative.dev/minScale': '1' } } },
      'invalid key name "autoscaling.knative.dev/minScale": metadata.annotations\nautoscaling annotations must be put under "spec.template.metadata.annotations" to work',
    ],
    [
      'a probe with two handlers',
      { container: { readinessProbe: { httpGet: {}, tcpSocket: {} } } },
      `expected exactly one, got both: ${at}.readinessProbe.httpGet, ${at}.readinessProbe.tcpSocket`,
    ],
    [
      'an aggressive probe with a timeout',
      { container: { readinessProbe: { httpGet: {}, timeoutSeconds: 2 } } },
      `timeoutSeconds is disallowed when periodSeconds is zero: ${at}.readinessProbe.timeoutSeconds`,
    ],
  ] as [string, Given, string | RegExp][])
    it(`refuses ${title}`, () => {
      const errors = errorsOf(given);
      if (typeof expected === 'string') assert.equal(errors, expected);
      else assert.match(errors, expected);
    });

  it('refuses a changed template under the same explicit name', () => {
    const old = applyServiceDefaults(makeService({ template: { name: 'hello-a' } }), create);
    const update: AdmissionContext = { ...create, operation: 'UPDATE', old };
    const next = makeService({ template: { name: 'hello-a' }, container: { image: 'other' } });
    const errors = formatFieldErrors(validateService(applyServiceDefaults(next, update), update));
    assert.match(
      errors,
      /^Saw the following changes without a name change \(-old \+new\): spec\.template\.metadata\.name\n/,
    );
  });

  it('refuses a new creator', () => {
    const old = applyServiceDefaults(makeService({}), create);
    const update: AdmissionContext = { ...create, operation: 'UPDATE', old };
    const metadata = { annotations: { 'serving.knative.dev/creator': 'eve' } };
    const next = applyServiceDefaults(makeService({ metadata }), update);
    assert.equal(
      formatFieldErrors(validateService(next, update)),
      'annotation value is immutable: metadata.annotations.serving.knative.dev/creator',
    );
  });
});

describe('defaulting of a Service', () => {
  const made = applyServiceDefaults(makeService({}), create);

  it('fills in the numbers, the container name, the probe and the traffic', () => {
    assert.deepEqual(made.spec, {
      template: {
        spec: {
          containerConcurrency: 0,
          timeoutSeconds: 300,
          enableServiceLinks: false,
          containers: [
            {
              name: 'user-container',
              image: 'knit.local/hello:1',
              resources: {},
              readinessProbe: { tcpSocket: { port: 0 }, successThreshold: 1 },
            },
          ],
        },
      },
      traffic: [{ latestRevision: true, percent: 100 }],
    });
  });

  it('is the same when done twice', () => {
    assert.deepEqual(
      applyServiceDefaults(made, { ...create, operation: 'UPDATE', old: made }),
      made,
    );
  });

  it('notes who made it, and who changed its spec last', () => {
    const update: AdmissionContext = { ...create, userName: 'bob', operation: 'UPDATE', old: made };
    const users = (service: Service): unknown[] => [
      service.metadata.annotations?.['serving.knative.dev/creator'],
      service.metadata.annotations?.['serving.knative.dev/lastModifier'],
    ];
    assert.deepEqual(users(made), ['ada', 'ada']);
    assert.deepEqual(users(applyServiceDefaults(made, update)), ['ada', 'ada']);
    const next = makeService({ container: { image: 'other' } });
    assert.deepEqual(users(applyServiceDefaults(next, update)), ['ada', 'bob']);
  });
});

describe('validation of a Route', () => {
  const route = (traffic?: TrafficTarget[]): Route => ({
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Route',
    metadata: { name: 'way', namespace: 'ns' },
    spec: traffic ? { traffic } : {},
  });
  const errorsOf = (...args: Parameters<typeof route>): string =>
    formatFieldErrors(validateRoute(route(...args), create));

  it('needs traffic, since it assumes none', () => {
    assert.equal(errorsOf(), 'Traffic targets sum to 0, want 100: spec.traffic');
  });
  it('needs one of revisionName and configurationName', () => {
    const paths = 'spec.traffic[0].configurationName, spec.traffic[0].revisionName';
    assert.equal(errorsOf([{ percent: 100 }]), `expected exactly one, got neither: ${paths}`);
    const both = { percent: 100, revisionName: 'r', configurationName: 'c' };
    assert.equal(errorsOf([both]), `expected exactly one, got both: ${paths}`);
  });
});

describe('validation of a Revision', () => {
  const revision = (image: string, annotations: Record<string, string> = {}): Revision => ({
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Revision',
    metadata: { name: 'r', namespace: 'ns', annotations },
    spec: { containers: [{ name: 'user-container', image }] },
  });
  const update = { ...create, operation: 'UPDATE' as const, old: revision('a') };

  it('refuses a change of its spec', () => {
    assert.match(
      formatFieldErrors(validateRevision(revision('b'), update)),
      /^Immutable fields changed \(-old \+new\): spec\n/,
    );
  });
  it('lets its annotations change', () => {
    const annotated = revision('a', { 'autoscaling.knative.dev/min-scale': '1' });
    assert.deepEqual(validateRevision(annotated, update), []);
  });
});
