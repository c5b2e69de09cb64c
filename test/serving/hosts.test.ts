/** What ConfigMaps, labels and tags make of a Route's hosts. */
import assert from 'node:assert/strict';
import { coreServiceKind } from '../../runtime/apis/core/types.ts';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import type { IngressRule } from '../../runtime/apis/networking/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { visibilityLabelKey } from '../../runtime/apis/serving/labels.ts';
import { revisionKind, routeKind, serviceKind } from '../../runtime/apis/serving/types.ts';
import { withConfigMap } from '../../runtime/serving/serving-config.ts';
import { World, makeService } from './world.ts';

type Given = Parameters<typeof makeService>[1];

function settled(configs: Record<string, Record<string, string>> = {}, given: Given = {}): World {
  const world = new World();
  for (const [name, data] of Object.entries(configs)) {
    const { config, errors } = withConfigMap(world.config, name, data);
    assert.deepEqual(errors, []);
    world.config = config;
  }
  world.put(serviceKind, makeService('hello', given));
  world.settle();
  return world;
}

const rulesOf = (world: World): readonly IngressRule[] =>
  world.must(ingressKind, 'hello').spec.rules;
const publicHostsOf = (world: World): string[] =>
  rulesOf(world)
    .filter(({ visibility }) => visibility === 'ExternalIP')
    .flatMap(({ hosts }) => hosts);
const tagged: Given = {
  traffic: [{ percent: 100 }, { latestRevision: true, percent: 0, tag: 'next' }],
};

describe('The public host of a Route', () => {
  it('is under the default domain of config-domain', () => {
    const world = settled({ 'config-domain': { 'example.com': '' } });
    assert.deepEqual(publicHostsOf(world), ['hello.ns.example.com']);
    assert.equal(world.must(routeKind, 'hello').status?.url, 'http://hello.ns.example.com:8080');
  });

  it('is under the domain whose labels the Route has, the most specific first', () => {
    const domains = {
      'config-domain': {
        'example.com': '',
        'example.org': 'selector:\n  team: shop\n',
        'example.net': 'selector:\n  team: shop\n  tier: front\n',
      },
    };
    const hostWith = (labels: Record<string, string>): string | undefined =>
      publicHostsOf(settled(domains, { labels }))[0];
    assert.equal(hostWith({ team: 'bank' }), 'hello.ns.example.com');
    assert.equal(hostWith({ team: 'shop' }), 'hello.ns.example.org');
    assert.equal(hostWith({ team: 'shop', tier: 'front' }), 'hello.ns.example.net');
  });

  it('follows the templates of config-network', () => {
    const world = settled(
      {
        'config-network': {
          'domain-template':
            '{{.Name}}{{if .Annotations.zone}}-{{.Annotations.zone}}{{end}}.{{.Domain}}',
          'tag-template': '{{.Name}}--{{.Tag}}',
          'default-external-scheme': 'https',
        },
      },
      { ...tagged, annotations: { zone: 'eu' } },
    );
    assert.deepEqual(publicHostsOf(world), ['hello-eu.localhost', 'hello--next-eu.localhost']);
    assert.ok(world.get(coreServiceKind, 'hello--next'));
    assert.equal(world.must(routeKind, 'hello').status?.url, 'https://hello-eu.localhost:8080');
  });

  it('is refused in a condition when the template makes none', () => {
    const world = settled({ 'config-network': { 'domain-template': '{{.Name}}_x.{{.Domain}}' } });
    const condition = getCondition(
      world.must(routeKind, 'hello').status?.conditions,
      'AllTrafficAssigned',
    );
    assert.equal(condition?.status, 'False');
    assert.equal(condition?.reason, 'ErrorConfig');
    assert.match(
      condition?.message ?? '',
      /^domain name error: invalid domain name "hello_x.localhost"/,
    );
  });
});

describe('The visibility of a target', () => {
  it('is taken from its placeholder Service alone', () => {
    const world = settled({}, tagged);
    assert.deepEqual(publicHostsOf(world), ['hello.ns.localhost', 'next-hello.ns.localhost']);
    const placeholder = world.must(coreServiceKind, 'next-hello');
    const labels = { ...placeholder.metadata.labels, [visibilityLabelKey]: 'cluster-local' };
    world.put(coreServiceKind, {
      ...placeholder,
      metadata: { ...placeholder.metadata, labels },
    });
    world.settle();
    assert.deepEqual(publicHostsOf(world), ['hello.ns.localhost']);
    assert.deepEqual(
      world.must(routeKind, 'hello').status?.traffic?.map(({ url }) => url),
      [undefined, 'http://next-hello.ns.svc.cluster.local'],
    );
    assert.equal(
      world.must(coreServiceKind, 'next-hello').metadata.labels?.[visibilityLabelKey],
      'cluster-local',
    );
  });

  it('is inside for all of them under the domain of the cluster', () => {
    const world = settled({ 'config-domain': { 'svc.cluster.local': '' } }, tagged);
    assert.deepEqual(publicHostsOf(world), []);
    assert.equal(world.must(routeKind, 'hello').status?.url, 'http://hello.ns.svc.cluster.local');
  });
});

describe('Routing by the tag header', () => {
  it('is off by default', () =>
    assert.deepEqual(
      rulesOf(settled({}, tagged)).map(({ http }) => http.paths.length),
      [1, 1, 1, 1],
    ));

  it('adds a path for each tag before the default, and names what was served', () => {
    const world = settled({ 'config-features': { 'tag-header-based-routing': 'Enabled' } }, tagged);
    const [main, , next] = rulesOf(world).map(({ http }) =>
      http.paths.map(({ headers, appendHeaders }) => ({ headers, appendHeaders })),
    );
    assert.deepEqual(main, [
      { headers: { 'Knative-Serving-Tag': { exact: 'next' } }, appendHeaders: undefined },
      { headers: undefined, appendHeaders: { 'Knative-Serving-Default-Route': 'true' } },
    ]);
    assert.deepEqual(next, [
      { headers: undefined, appendHeaders: { 'Knative-Serving-Tag': 'next' } },
    ]);
  });
});

describe('Other settings of a Route and Revision', () => {
  it('redirect to HTTPS by annotation and by config-network', () => {
    const optionOf = (world: World): string | undefined =>
      world.must(ingressKind, 'hello').spec.httpOption;
    assert.equal(optionOf(settled()), 'Enabled');
    assert.equal(
      optionOf(settled({ 'config-network': { 'http-protocol': 'Redirected' } })),
      'Redirected',
    );
    const annotations = { 'networking.knative.dev/http-protocol': 'Redirected' };
    assert.equal(optionOf(settled({}, { annotations })), 'Redirected');
  });

  it('point to the logs of a Revision', () => {
    const world = settled({
      'config-observability': {
        'logging.revision-url-template': 'http://logs/?uid=${REVISION_UID}',
      },
    });
    const { metadata, status } = world.must(revisionKind, 'hello-00001');
    assert.equal(status?.logUrl, `http://logs/?uid=${metadata.uid}`);
  });
});
