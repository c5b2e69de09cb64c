import assert from 'node:assert/strict';
import type { HTTPRoute } from '../../../runtime/apis/gateway/types.ts';
import type { Ingress } from '../../../runtime/apis/networking/types.ts';
import type { Revision, Route } from '../../../runtime/apis/serving/types.ts';
import type { RoutingTable } from '../../../runtime/gateway/routing/table.ts';
import { TableBuilder } from '../../../runtime/gateway/routing/table-builder.ts';
import { seededRandom } from '../../../runtime/std/random.ts';

const pick = <T>(random: () => number, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)]!;

const hosts = ['a.test', 'b.test', 'c.test', 'd.ns.svc.cluster.local', '*.test', '*.b.test'];

const ingress = (name: string, random: () => number): Ingress => ({
  apiVersion: 'networking.internal.knative.dev/v1alpha1',
  kind: 'Ingress',
  metadata: { name, namespace: 'ns', generation: Math.floor(random() * 100) },
  spec: {
    rules: [0, 1].map(() => ({
      hosts: [pick(random, hosts.slice(0, 4)), `${name}.ns`],
      visibility: pick(random, ['ExternalIP', 'ClusterLocal'] as const),
      http: {
        paths: [
          {
            path: pick(random, ['', '/x']),
            splits: [
              { serviceName: `${name}-1`, serviceNamespace: 'ns', servicePort: 80, percent: 100 },
            ],
          },
        ],
      },
    })),
    tls: [{ hosts: [pick(random, hosts)], secretName: name, secretNamespace: 'ns' }],
  },
});

const httpRoute = (name: string, random: () => number): HTTPRoute => ({
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'HTTPRoute',
  metadata: {
    name,
    namespace: 'ns',
    creationTimestamp: `2026-01-0${1 + Math.floor(random() * 9)}`,
  },
  spec: {
    hostnames: random() < 0.3 ? [] : [pick(random, hosts), pick(random, hosts)],
    rules: [
      { matches: [{ path: { value: pick(random, ['/', '/x', '/y']) } }], backendRefs: [{ name }] },
    ],
  },
});

const route = (name: string, random: () => number): Route => ({
  apiVersion: 'serving.knative.dev/v1',
  kind: 'Route',
  metadata: {
    name,
    namespace: 'ns',
    creationTimestamp: `2026-01-0${1 + Math.floor(random() * 9)}`,
    annotations: { 'knit.dev/function-name': pick(random, ['f', 'g']) },
  },
  spec: {},
  status: { traffic: [{ revisionName: `${name}-1`, percent: 100 }] },
});

/** The table as text; the order of maps and of equal rules means nothing. */
const textOf = (table: RoutingTable): string =>
  JSON.stringify(table, (_, value: unknown) =>
    value instanceof Map
      ? [...value].map((entry) => JSON.stringify(entry, mapsAsLists)).toSorted()
      : value,
  );
const mapsAsLists = (_: string, value: unknown): unknown =>
  value instanceof Map
    ? [...(value as Map<string, unknown>)]
        .map((entry) => JSON.stringify(entry, mapsAsLists))
        .toSorted()
    : Array.isArray(value) && value.every((item) => typeof item === 'object')
      ? value.map((item) => JSON.stringify(item, mapsAsLists)).toSorted()
      : value;

describe('routing table kept by changes', () => {
  it('holds the same after any changes as one that is built from what is left', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const builder = new TableBuilder();
      const left = new Map<string, (target: TableBuilder) => void>();
      for (let step = 0; step < 60; step++) {
        const name = pick(random, ['p', 'q', 'r', 's']);
        const key = `ns/${name}`;
        const kind = pick(random, ['ingress', 'httpRoute', 'route', 'revision'] as const);
        const isGone = random() < 0.3;
        const set = ((): ((target: TableBuilder) => void) => {
          if (kind === 'ingress') {
            const object = isGone ? undefined : ingress(name, random);
            return (target) => target.setIngress(key, object);
          }
          if (kind === 'httpRoute') {
            const object = isGone ? undefined : httpRoute(name, random);
            return (target) => target.setHttpRoute(key, object);
          }
          if (kind === 'route') {
            const object = isGone ? undefined : route(name, random);
            return (target) => target.setRoute(key, object);
          }
          const object: Revision | undefined = isGone
            ? undefined
            : {
                apiVersion: 'serving.knative.dev/v1',
                kind: 'Revision',
                metadata: { name, namespace: 'ns' },
                spec: { containers: [], containerConcurrency: Math.floor(random() * 5) },
              };
          return (target) => void target.setRevision(key, object);
        })();
        set(builder);
        left.set(`${kind}/${key}`, set);
      }
      const anew = new TableBuilder();
      for (const set of left.values()) set(anew);
      assert.ok(textOf(builder.table) === textOf(anew.table), `differs with seed ${seed}`);
    }
  });

  it('is empty again when all objects are gone', () => {
    const random = seededRandom(3);
    const builder = new TableBuilder();
    builder.setIngress('ns/p', ingress('p', random));
    builder.setHttpRoute('ns/p', httpRoute('p', random));
    builder.setRoute('ns/p', route('p', random));
    assert.notEqual(textOf(builder.table), textOf(new TableBuilder().table));
    builder.setIngress('ns/p', undefined);
    builder.setHttpRoute('ns/p', undefined);
    builder.setRoute('ns/p', undefined);
    assert.equal(textOf(builder.table), textOf(new TableBuilder().table));
  });
});
