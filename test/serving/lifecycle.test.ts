/** The life of a Service, seen from outside: its children, its conditions, its traffic. */
import assert from 'node:assert/strict';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import { podAutoscalerKind } from '../../runtime/apis/autoscaling/types.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';
import { coreServiceKind, podKind } from '../../runtime/apis/core/types.ts';
import type { Conditions } from '../../runtime/apis/meta/condition.ts';
import { getCondition, isObjectReady } from '../../runtime/apis/meta/condition.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import type { Route } from '../../runtime/apis/serving/types.ts';
import {
  configurationKind,
  revisionKind,
  routeKind,
  serviceKind,
} from '../../runtime/apis/serving/types.ts';
import { makeDeployment } from '../../runtime/serving/revision/make-deployment.ts';
import { World, makeService } from './world.ts';

const latest = (percent: number, tag?: string) => ({
  latestRevision: true,
  percent,
  ...(tag ? { tag } : {}),
});
const brief = (conditions: Conditions | undefined, type: string): string => {
  const condition = getCondition(conditions, type);
  return `${condition?.status ?? 'absent'}${condition?.reason ? ` ${condition.reason}` : ''}`;
};

function deploy(...args: Parameters<typeof makeService>): World {
  const world = new World();
  world.put(serviceKind, makeService(...args));
  world.settle();
  return world;
}

describe('a Service', () => {
  describe('that is created', () => {
    const world = deploy('hello', { labels: { team: 'a' }, annotations: { note: 'x' } });

    it('becomes Ready with its first revision and a URL that can be opened', () => {
      const service = world.must(serviceKind, 'hello');
      assert.equal(isObjectReady(service), true);
      assert.equal(service.status?.url, 'http://hello.ns.localhost:8080');
      assert.deepEqual(service.status?.address, { url: 'http://hello.ns.svc.cluster.local' });
      assert.equal(service.status?.latestReadyRevisionName, 'hello-00001');
      assert.equal(service.status?.latestCreatedRevisionName, 'hello-00001');
      assert.deepEqual(service.status?.traffic, [
        { revisionName: 'hello-00001', latestRevision: true, percent: 100 },
      ]);
    });

    it('hands labels and annotations to Configuration and Route, and not to the Revision', () => {
      const configuration = world.must(configurationKind, 'hello').metadata;
      assert.deepEqual(configuration.annotations, {
        note: 'x',
        'serving.knative.dev/routes': 'hello',
      });
      assert.equal(configuration.labels?.['team'], 'a');
      assert.equal(configuration.labels?.['serving.knative.dev/service'], 'hello');
      assert.deepEqual(world.must(routeKind, 'hello').metadata.annotations, { note: 'x' });
      const revision = world.must(revisionKind, 'hello-00001').metadata;
      assert.equal(revision.labels?.['team'], undefined);
      assert.equal(revision.labels?.['serving.knative.dev/configurationGeneration'], '1');
      assert.equal(revision.labels?.['serving.knative.dev/routingState'], 'active');
      assert.equal(revision.annotations?.['serving.knative.dev/routes'], 'hello');
    });

    it('runs its container with the variables of the runtime contract and no sidecar', () => {
      const { spec } = world.must(deploymentKind, 'hello-00001-deployment');
      assert.equal(spec.template.spec.containers.length, 1);
      const [container] = spec.template.spec.containers;
      assert.deepEqual(container?.env, [
        { name: 'PORT', value: '8080' },
        { name: 'K_REVISION', value: 'hello-00001' },
        { name: 'K_CONFIGURATION', value: 'hello' },
        { name: 'K_SERVICE', value: 'hello' },
      ]);
      assert.deepEqual(container?.readinessProbe, {
        tcpSocket: { port: 8080 },
        successThreshold: 1,
        periodSeconds: 0,
      });
      assert.equal(spec.template.spec.terminationGracePeriodSeconds, 300);
      assert.equal(spec.replicas, 1);
      assert.equal('containerConcurrency' in spec.template.spec, false);
    });

    it('asks the gateway for its inner hosts and its public host', () => {
      const { spec } = world.must(ingressKind, 'hello');
      assert.deepEqual(
        spec.rules.map(({ hosts, visibility }) => [visibility, ...hosts]),
        [
          ['ClusterLocal', 'hello.ns', 'hello.ns.svc', 'hello.ns.svc.cluster.local'],
          ['ExternalIP', 'hello.ns.localhost'],
        ],
      );
      assert.deepEqual(spec.rules[0]?.http.paths[0]?.splits, [
        {
          serviceName: 'hello-00001',
          serviceNamespace: 'ns',
          servicePort: 80,
          percent: 100,
          appendHeaders: {
            'Knative-Serving-Namespace': 'ns',
            'Knative-Serving-Revision': 'hello-00001',
          },
        },
      ]);
    });

    it('gets a core Service of its name that points at the gateway', () => {
      const { spec } = world.must(coreServiceKind, 'hello');
      assert.equal(spec.type, 'ExternalName');
      assert.equal(spec.externalName, world.config.gatewayServiceHost);
    });

    it('is told by events', () => {
      const reasons = world.events.map(({ object, reason }) => `${object.kind} ${reason}`);
      for (const expected of [
        'Service Created',
        'Configuration Created',
        'Configuration ConfigurationReady',
        'Configuration LatestReadyUpdate',
        'Revision RevisionReady',
      ])
        assert.equal(reasons.filter((reason) => reason === expected).length >= 1, true, expected);
    });

    it('shows CertificateProvisioned as not applying', () => {
      const { conditions } = world.must(routeKind, 'hello').status ?? {};
      assert.equal(brief(conditions, 'CertificateProvisioned'), 'True TLSNotEnabled');
    });
  });

  describe('whose template changes', () => {
    const world = deploy('hello');
    world.put(serviceKind, makeService('hello', { image: 'knit.local/hello:2' }));
    world.settle();

    it('moves its traffic to a second revision', () => {
      assert.deepEqual(world.must(serviceKind, 'hello').status?.traffic, [
        { revisionName: 'hello-00002', latestRevision: true, percent: 100 },
      ]);
      assert.equal(isObjectReady(world.must(serviceKind, 'hello')), true);
    });

    it('puts the first revision in reserve, where nothing keeps its pods', () => {
      const { labels, annotations } = world.must(revisionKind, 'hello-00001').metadata;
      assert.equal(labels?.['serving.knative.dev/routingState'], 'reserve');
      assert.equal(annotations?.['serving.knative.dev/routes'], undefined);
      assert.equal(world.must(podAutoscalerKind, 'hello-00001').spec.reachability, 'Unreachable');
      assert.equal(world.must(podAutoscalerKind, 'hello-00002').spec.reachability, 'Reachable');
    });
  });

  describe('whose metadata alone changes', () => {
    it('passes the change on, removals included, and makes no revision', () => {
      const world = deploy('hello', { labels: { a: '1', b: '2' } });
      world.put(serviceKind, makeService('hello', { labels: { a: '3' } }));
      world.settle();
      assert.equal(world.list(revisionKind).length, 1);
      const labels = world.must(routeKind, 'hello').metadata.labels ?? {};
      assert.deepEqual([labels['a'], labels['b']], ['3', undefined]);
      assert.equal(world.must(coreServiceKind, 'hello').metadata.labels?.['a'], '3');
    });
  });

  describe('whose new revision fails', () => {
    const world = deploy('hello');
    world.broken.add('hello-00002');
    world.put(serviceKind, makeService('hello', { image: 'knit.local/hello:2' }));
    world.settle();
    const deployment = world.must(deploymentKind, 'hello-00002-deployment');
    const crashed: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        namespace: 'ns',
        labels: deployment.spec.template.metadata?.labels ?? {},
      },
      spec: deployment.spec.template.spec,
    };
    world.put(podKind, crashed);
    world.apply({
      type: 'updateStatus',
      kind: podKind,
      object: {
        ...crashed,
        status: {
          containerStatuses: [
            {
              name: 'user-container',
              image: 'knit.local/hello:2',
              imageID: '',
              ready: false,
              restartCount: 1,
              lastState: { terminated: { exitCode: 3, message: 'Cannot find module "x"' } },
            },
          ],
        },
      } as Pod,
    });
    world.settle();

    it('says why, in the words of the container', () => {
      const revision = world.must(revisionKind, 'hello-00002').status?.conditions;
      assert.equal(brief(revision, 'ContainerHealthy'), 'False ExitCode3');
      const condition = getCondition(world.must(serviceKind, 'hello').status?.conditions, 'Ready');
      assert.equal(condition?.reason, 'RevisionFailed');
      assert.equal(
        condition?.message,
        'Revision "hello-00002" failed with message: Container failed with: Cannot find module "x".',
      );
    });

    it('keeps the last good revision serving', () => {
      const { status } = world.must(serviceKind, 'hello');
      assert.equal(status?.traffic?.[0]?.revisionName, 'hello-00001');
      assert.equal(status?.latestReadyRevisionName, 'hello-00001');
      assert.equal(status?.latestCreatedRevisionName, 'hello-00002');
    });

    it('lets the broken revision fall to zero whatever its min-scale', () => {
      assert.equal(world.must(podAutoscalerKind, 'hello-00002').spec.reachability, 'Unreachable');
    });

    it('recovers when a pod of it becomes ready after all', () => {
      world.broken.clear();
      world.settle();
      assert.equal(isObjectReady(world.must(serviceKind, 'hello')), true);
      assert.equal(
        world.must(serviceKind, 'hello').status?.traffic?.[0]?.revisionName,
        'hello-00002',
      );
    });
  });

  describe('that splits its traffic', () => {
    const world = deploy('hello', { templateName: 'hello-a' });
    world.put(
      serviceKind,
      makeService('hello', {
        templateName: 'hello-b',
        image: 'knit.local/hello:2',
        traffic: [
          { revisionName: 'hello-a', percent: 90 },
          latest(10, 'next'),
          { revisionName: 'hello-a', percent: 0, tag: 'old' },
        ],
      }),
    );
    world.settle();

    it('serves each revision its share', () => {
      const { rules } = world.must(ingressKind, 'hello').spec;
      const shares = rules
        .find(({ hosts }) => hosts.includes('hello.ns.localhost'))
        ?.http.paths[0]?.splits.map(({ serviceName, percent }) => [serviceName, percent]);
      assert.deepEqual(shares, [
        ['hello-a', 90],
        ['hello-b', 10],
      ]);
    });

    it('gives each tag a host, a URL and a core Service', () => {
      const { traffic } = world.must(serviceKind, 'hello').status ?? {};
      assert.deepEqual(
        traffic?.map(({ tag, url }) => [tag, url]),
        [
          [undefined, undefined],
          ['next', 'http://next-hello.ns.localhost:8080'],
          ['old', 'http://old-hello.ns.localhost:8080'],
        ],
      );
      assert.notEqual(world.get(coreServiceKind, 'next-hello'), undefined);
      assert.notEqual(world.get(coreServiceKind, 'old-hello'), undefined);
      assert.equal(isObjectReady(world.must(serviceKind, 'hello')), true);
    });

    it('takes the name of a tag back when the tag goes', () => {
      world.put(
        serviceKind,
        makeService('hello', {
          templateName: 'hello-b',
          image: 'knit.local/hello:2',
          traffic: [latest(100)],
        }),
      );
      world.settle();
      assert.equal(world.get(coreServiceKind, 'next-hello'), undefined);
      assert.equal(world.must(ingressKind, 'hello').spec.rules.length, 2);
    });

    it('rolls back by the name of an earlier revision', () => {
      world.put(serviceKind, makeService('hello', { templateName: 'hello-a' }));
      world.settle();
      const { status } = world.must(serviceKind, 'hello');
      assert.equal(status?.latestReadyRevisionName, 'hello-a');
      assert.equal(status?.traffic?.[0]?.revisionName, 'hello-a');
      assert.equal(world.list(revisionKind).length, 2);
    });
  });

  it('reports a revision name that another Service holds', () => {
    const world = deploy('a', { templateName: 'a-b-1' });
    world.put(serviceKind, makeService('a-b', { templateName: 'a-b-1' }));
    world.settle();
    const { conditions } = world.must(serviceKind, 'a-b').status ?? {};
    assert.equal(brief(conditions, 'RoutesReady'), 'False RevisionNameTaken');
    assert.equal(brief(conditions, 'ConfigurationsReady'), 'False RevisionFailed');
    assert.equal(world.get(routeKind, 'a-b'), undefined);
  });

  it('does not touch a Configuration that is not its own', () => {
    const world = new World();
    world.put(configurationKind, {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Configuration',
      metadata: { name: 'hello', namespace: 'ns' },
      spec: { template: { spec: { containers: [{ name: '', image: 'x' }] } } },
    });
    world.put(serviceKind, makeService('hello'));
    world.settle();
    const { conditions } = world.must(serviceKind, 'hello').status ?? {};
    assert.equal(brief(conditions, 'ConfigurationsReady'), 'False NotOwned');
    assert.equal(world.must(configurationKind, 'hello').metadata.ownerReferences, undefined);
    assert.equal(world.errors.length > 0, true);
  });

  it('does not take over a core Service of its name', () => {
    const world = new World();
    world.put(coreServiceKind, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'hello', namespace: 'ns' },
      spec: { type: 'ClusterIP' },
    });
    world.put(serviceKind, makeService('hello'));
    world.settle();
    const { conditions } = world.must(routeKind, 'hello').status ?? {};
    assert.equal(brief(conditions, 'IngressReady'), 'False NotOwned');
    assert.equal(world.must(coreServiceKind, 'hello').spec.type, 'ClusterIP');
    assert.equal(world.get(ingressKind, 'hello'), undefined);
  });

  it('stays inside when it is labelled cluster-local', () => {
    const world = deploy('hello', {
      labels: { 'networking.knative.dev/visibility': 'cluster-local' },
    });
    assert.equal(world.must(serviceKind, 'hello').status?.url, 'http://hello.ns.svc.cluster.local');
    assert.deepEqual(
      world.must(ingressKind, 'hello').spec.rules.map(({ visibility }) => visibility),
      ['ClusterLocal'],
    );
  });

  it('starts with its initial scale', () => {
    const initialScale = { 'autoscaling.knative.dev/initial-scale': '3' };
    const world = deploy('hello', { templateAnnotations: initialScale });
    const made = makeDeployment(world.must(revisionKind, 'hello-00001'), world.config);
    assert.equal(made.spec.replicas, 3);
  });

  it('takes autoscaling annotations of a live Revision without replacing its pods', () => {
    const world = deploy('hello');
    const before = world.must(deploymentKind, 'hello-00001-deployment');
    const revision = world.must(revisionKind, 'hello-00001');
    const annotations = {
      ...revision.metadata.annotations,
      'autoscaling.knative.dev/min-scale': '2',
    };
    world.apply({
      type: 'update',
      kind: revisionKind,
      object: { ...revision, metadata: { ...revision.metadata, annotations } },
    });
    world.settle();
    assert.equal(
      world.must(podAutoscalerKind, 'hello-00001').metadata.annotations?.[
        'autoscaling.knative.dev/min-scale'
      ],
      '2',
    );
    const after = world.must(deploymentKind, 'hello-00001-deployment');
    assert.deepEqual(after.spec.template, before.spec.template);
  });
});

describe('a Route on its own', () => {
  const route = (traffic: Route['spec']['traffic']): Route => ({
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Route',
    metadata: { name: 'way', namespace: 'ns' },
    spec: { traffic: traffic ?? [] },
  });

  it('says which target does not exist', () => {
    const world = new World();
    world.put(routeKind, route([{ configurationName: 'nowhere', percent: 100 }]));
    world.settle();
    const condition = getCondition(
      world.must(routeKind, 'way').status?.conditions,
      'AllTrafficAssigned',
    );
    assert.equal(condition?.status, 'False');
    assert.equal(condition?.reason, 'ConfigurationMissing');
    assert.equal(condition?.message, 'Configuration "nowhere" referenced in traffic not found.');
  });

  it('keeps serving what it serves when one of its targets goes missing', () => {
    const world = deploy('hello');
    world.put(routeKind, route([{ configurationName: 'hello', percent: 100 }]));
    world.settle();
    const before = world.must(ingressKind, 'way').spec;
    world.put(routeKind, route([{ revisionName: 'hello-00009', percent: 100 }]));
    world.settle();
    assert.deepEqual(world.must(ingressKind, 'way').spec, before);
    assert.equal(world.must(routeKind, 'way').status?.traffic?.[0]?.revisionName, 'hello-00001');
    assert.equal(isObjectReady(world.must(routeKind, 'way')), false);
  });

  it('is forgotten by its revisions when it is deleted', () => {
    const world = deploy('hello');
    world.put(routeKind, route([{ configurationName: 'hello', percent: 100 }]));
    world.settle();
    const routes = (): string | undefined =>
      world.must(revisionKind, 'hello-00001').metadata.annotations?.['serving.knative.dev/routes'];
    assert.equal(routes(), 'hello,way');
    world.apply({ type: 'delete', kind: routeKind, namespace: 'ns', name: 'way' });
    world.settle();
    assert.equal(routes(), 'hello');
  });
});
