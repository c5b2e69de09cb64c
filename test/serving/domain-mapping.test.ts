/** A host name of one's own for a Service: one row per situation. */
import assert from 'node:assert/strict';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import type { ClusterDomainClaim, Ingress } from '../../runtime/apis/networking/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { domainMappingConditions } from '../../runtime/apis/serving/conditions.ts';
import type { DomainMapping } from '../../runtime/apis/serving/types.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';
import type { Action, Plan } from '../../runtime/kube/plan.ts';
import type { ObservedDomainMapping } from '../../runtime/serving/domain-mapping/domain-mapping.ts';
import {
  domainMappingFinalizer,
  planDomainMapping,
} from '../../runtime/serving/domain-mapping/domain-mapping.ts';
import { World, makeService, testConfig } from './world.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const world = new World();
world.put(serviceKind, makeService('hello'));
world.settle();
const target = world.must(serviceKind, 'hello');
const targetIngress = world.must(ingressKind, 'hello');

function makeMapping(change: Partial<DomainMapping> = {}): DomainMapping {
  return {
    apiVersion: 'serving.knative.dev/v1beta1',
    kind: 'DomainMapping',
    spec: {
      ref: {
        apiVersion: 'serving.knative.dev/v1',
        kind: 'Service',
        name: 'hello',
        namespace: 'ns',
      },
    },
    ...change,
    metadata: {
      name: 'hello.example.com',
      namespace: 'ns',
      uid: 'u',
      generation: 1,
      finalizers: [domainMappingFinalizer],
      ...change.metadata,
    },
  };
}
const claimOf = (namespace: string): ClusterDomainClaim => ({
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'ClusterDomainClaim',
  metadata: { name: 'hello.example.com', uid: 'c' },
  spec: { namespace },
});
const observe = (change: Partial<ObservedDomainMapping> = {}): ObservedDomainMapping => ({
  mapping: makeMapping(),
  claim: claimOf('ns'),
  target,
  targetIngress,
  ingress: undefined,
  ...change,
});
const withoutAutocreate = {
  ...testConfig,
  network: { ...testConfig.network, autocreateClusterDomainClaims: false },
};

const statusOf = (plan: Plan): DomainMapping['status'] => {
  const action = plan.actions.find(({ type }) => type === 'updateStatus');
  return action && 'object' in action ? (action.object as DomainMapping).status : undefined;
};
const reasonsOf = (plan: Plan): Record<string, string> =>
  Object.fromEntries(
    ['Ready', ...domainMappingConditions.dependents].map((type) => {
      const condition = getCondition(statusOf(plan)?.conditions, type);
      return [type, `${condition?.status} ${condition?.reason ?? ''}`.trim()];
    }),
  );
const kindsOf = (plan: Plan): string[] =>
  plan.actions.map(({ type, kind }) => `${type} ${kind.kind}`);
const ingressIn = (plan: Plan): Ingress => {
  const action = plan.actions.find(
    (one): one is Extract<Action, { type: 'create' }> =>
      one.type === 'create' && one.kind.kind === 'Ingress',
  );
  assert.ok(action);
  return action.object as Ingress;
};

describe('A DomainMapping', () => {
  it('takes its finalizer before anything else', () => {
    const mapping = makeMapping();
    mapping.metadata.finalizers = [];
    assert.deepEqual(kindsOf(planDomainMapping(observe({ mapping }), testConfig, nowMs)), [
      'patch DomainMapping',
    ]);
  });

  it('serves the paths of its target under its own name, and tells the target', () => {
    const plan = planDomainMapping(observe(), testConfig, nowMs);
    assert.deepEqual(kindsOf(plan), ['create Ingress', 'updateStatus DomainMapping']);
    const [rule] = ingressIn(plan).spec.rules;
    assert.deepEqual(rule?.hosts, ['hello.example.com']);
    assert.equal(rule?.visibility, 'ExternalIP');
    assert.deepEqual(
      rule?.http.paths[0]?.splits.map(({ serviceName, percent }) => [serviceName, percent]),
      [['hello-00001', 100]],
    );
    assert.equal(
      rule?.http.paths[0]?.splits[0]?.appendHeaders?.['K-Original-Host'],
      'hello.example.com',
    );
    assert.deepEqual(reasonsOf(plan), {
      Ready: 'Unknown IngressNotConfigured',
      DomainClaimed: 'True',
      ReferenceResolved: 'True',
      IngressReady: 'Unknown IngressNotConfigured',
      CertificateProvisioned: 'True TLSNotEnabled',
    });
    assert.equal(statusOf(plan)?.url, 'http://hello.example.com:8080');
  });

  it('is Ready when the gateway serves it, and then has nothing more to do', () => {
    const first = planDomainMapping(observe(), testConfig, nowMs);
    const ingress: Ingress = {
      ...ingressIn(first),
      status: { conditions: [{ type: 'Ready', status: 'True' }], observedGeneration: 1 },
    };
    ingress.metadata = { ...ingress.metadata, generation: 1 };
    const plan = planDomainMapping(observe({ ingress }), testConfig, nowMs);
    assert.equal(reasonsOf(plan)['Ready'], 'True');
    const mapping = makeMapping({ status: statusOf(plan) ?? {} });
    assert.deepEqual(
      planDomainMapping(observe({ ingress, mapping }), testConfig, nowMs).actions,
      [],
    );
  });

  it('is served with the certificate that it names', () => {
    const mapping = makeMapping();
    mapping.spec.tls = { secretName: 'cert' };
    const plan = planDomainMapping(observe({ mapping }), testConfig, nowMs);
    assert.deepEqual(ingressIn(plan).spec.tls, [
      { hosts: ['hello.example.com'], secretName: 'cert', secretNamespace: 'ns' },
    ]);
    assert.equal(reasonsOf(plan)['CertificateProvisioned'], 'True CertificateExternallyProvided');
    assert.equal(statusOf(plan)?.url, 'https://hello.example.com');
  });

  it('claims its name when nobody has it', () => {
    const plan = planDomainMapping(observe({ claim: undefined }), testConfig, nowMs);
    assert.equal(kindsOf(plan)[0], 'create ClusterDomainClaim');
    assert.equal(reasonsOf(plan)['DomainClaimed'], 'True');
  });

  for (const [title, change, config] of [
    ['another namespace has its name', { claim: claimOf('other') }, testConfig],
    ['nobody claimed its name for it', { claim: undefined }, withoutAutocreate],
  ] as const)
    it(`is not served when ${title}`, () => {
      const plan = planDomainMapping(observe(change), config, nowMs);
      assert.deepEqual(kindsOf(plan), ['updateStatus DomainMapping']);
      assert.equal(reasonsOf(plan)['Ready'], 'False DomainAlreadyClaimed');
      assert.ok(plan.error);
    });

  it('says what it refers to when that is not there', () => {
    const plan = planDomainMapping(observe({ target: undefined }), testConfig, nowMs);
    assert.equal(reasonsOf(plan)['Ready'], 'False ResolveFailed');
    const condition = getCondition(statusOf(plan)?.conditions, 'ReferenceResolved');
    assert.equal(
      condition?.message,
      'failed to get object ns/hello: services.serving.knative.dev "hello" not found',
    );
  });

  it('waits for the Ingress of its target', () => {
    const plan = planDomainMapping(observe({ targetIngress: undefined }), testConfig, nowMs);
    assert.equal(reasonsOf(plan)['Ready'], 'Unknown IngressNotConfigured');
    assert.equal(plan.error, undefined);
  });

  it('does not take over an Ingress of its name', () => {
    const ingress = { ...targetIngress, metadata: { name: 'hello.example.com', namespace: 'ns' } };
    const plan = planDomainMapping(observe({ ingress }), testConfig, nowMs);
    assert.equal(reasonsOf(plan)['Ready'], 'False NotOwned');
  });
});

describe('A DomainMapping that is being deleted', () => {
  const mappingWith = (): DomainMapping => {
    const mapping = makeMapping();
    mapping.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    return mapping;
  };

  it('gives its name back', () => {
    const plan = planDomainMapping(observe({ mapping: mappingWith() }), testConfig, nowMs);
    assert.deepEqual(kindsOf(plan), ['delete ClusterDomainClaim', 'patch DomainMapping']);
  });

  for (const [title, claim, config] of [
    ["another namespace's", claimOf('other'), testConfig],
    ['made by hand', claimOf('ns'), withoutAutocreate],
    ['not there', undefined, testConfig],
  ] as const)
    it(`leaves a claim that is ${title}`, () => {
      const plan = planDomainMapping(observe({ mapping: mappingWith(), claim }), config, nowMs);
      assert.deepEqual(kindsOf(plan), ['patch DomainMapping']);
    });
});
