/**
 * Keeps the routing table current from API objects, one change at a time: a change costs what its own
 * hosts and names cost, however many others there are. Requests read the same maps, between changes.
 */
import type { CoreService } from '../../apis/core/types.ts';
import type { HTTPRoute } from '../../apis/gateway/types.ts';
import { functionNameAnnotation } from '../../apis/knit.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import { keyOf } from '../../apis/meta/object.ts';
import type { Ingress } from '../../apis/networking/types.ts';
import type { Revision, Route } from '../../apis/serving/types.ts';
import type { RankedRule } from './compile-http-route.ts';
import { compareRules, compileHttpRoute } from './compile-http-route.ts';
import { compileIngress } from './compile-ingress.ts';
import { revisionDestination, serviceDestinations } from './destination.ts';
import { isClusterLocalHost } from './host.ts';
import type {
  Destination,
  FunctionTarget,
  HostRoutes,
  IngressPath,
  RoutingTable,
  Split,
} from './table.ts';

/** What one object gives to one host. */
interface Contribution {
  readonly ranked: readonly RankedRule[];
  readonly paths: readonly IngressPath[];
}

interface NamedFunction {
  readonly created: string;
  /** An annotated name wins over a composed one. */
  readonly isAnnotated: boolean;
  readonly target: FunctionTarget;
}

/** Whether the object is there: one under deletion no longer counts. */
const isPresent = <T extends KubeObject>(object: T | undefined): object is T =>
  object !== undefined && object.metadata.deletionTimestamp === undefined;

export class TableBuilder {
  readonly table: RoutingTable & { isLoaded: boolean; catchAll: HostRoutes | undefined };
  private readonly external = new HostMap();
  private readonly internal = new HostMap();
  private readonly wildcards = new HostMap();
  private readonly catchAll = new Map<string, Contribution>();
  private readonly services = new Map<string, readonly Split[]>();
  private readonly revisions = new Map<string, Destination>();
  private readonly destinations = new Map<string, Destination>();
  private readonly functions = new OwnedMap<NamedFunction, FunctionTarget>(oldestFunction);
  private readonly certificates = new OwnedMap<string, string>(([secret]) => secret!);
  private readonly ingresses = new Map<string, number>();
  /** What to take back before the next version of an object goes in. */
  private readonly undo = new Map<string, () => void>();

  constructor() {
    this.table = {
      isLoaded: false,
      external: this.external.hosts,
      internal: this.internal.hosts,
      wildcards: this.wildcards.hosts,
      catchAll: undefined,
      services: this.services,
      revisions: this.revisions,
      destinations: this.destinations,
      functions: this.functions.values,
      certificates: this.certificates.values,
      ingresses: this.ingresses,
    };
  }

  /** `undefined` takes the object out. */
  setIngress(key: string, ingress: Ingress | undefined): void {
    const id = `ingress/${key}`;
    this.takeBack(id);
    if (!isPresent(ingress)) return;
    const { hosts, mainSplits, certificates } = compileIngress(ingress);
    for (const { host, isExternal, paths } of hosts) {
      this.internal.add(host, id, { ranked: [], paths });
      if (isExternal) this.external.add(host, id, { ranked: [], paths });
    }
    if (mainSplits) this.services.set(key, mainSplits);
    for (const [host, secret] of certificates) this.certificates.add(host, id, secret);
    this.ingresses.set(key, ingress.metadata.generation ?? 0);
    this.undo.set(id, () => {
      for (const { host } of hosts) {
        this.internal.remove(host, id);
        this.external.remove(host, id);
      }
      this.services.delete(key);
      for (const host of certificates.keys()) this.certificates.remove(host, id);
      this.ingresses.delete(key);
    });
  }

  setHttpRoute(key: string, route: HTTPRoute | undefined): void {
    const id = `httproute/${key}`;
    this.takeBack(id);
    if (!isPresent(route)) return;
    const contribution = { ranked: compileHttpRoute(route), paths: [] };
    const names = (route.spec.hostnames ?? []).map((name) => name.toLowerCase());
    if (names.length === 0) this.catchAll.set(id, contribution);
    for (const host of names) {
      if (host.startsWith('*.')) {
        this.wildcards.add(host.slice(1), id, contribution);
        continue;
      }
      this.internal.add(host, id, contribution);
      if (!isClusterLocalHost(host)) this.external.add(host, id, contribution);
    }
    this.finishCatchAll();
    this.undo.set(id, () => {
      this.catchAll.delete(id);
      for (const host of names) {
        this.wildcards.remove(host.slice(1), id);
        this.internal.remove(host, id);
        this.external.remove(host, id);
      }
      this.finishCatchAll();
    });
  }

  /** Returns what the table says of the revision now. */
  setRevision(key: string, revision: Revision | undefined): Destination | undefined {
    if (!revision) {
      this.revisions.delete(key);
      return undefined;
    }
    const destination = revisionDestination(revision);
    this.revisions.set(key, destination);
    return destination;
  }

  setService(key: string, service: CoreService | undefined): void {
    const id = `service/${key}`;
    this.takeBack(id);
    if (!isPresent(service)) return;
    const destinations = serviceDestinations(service);
    if (destinations.size === 0) return;
    for (const [name, destination] of destinations) this.destinations.set(name, destination);
    this.undo.set(id, () => {
      for (const name of destinations.keys()) this.destinations.delete(name);
    });
  }

  setRoute(key: string, route: Route | undefined): void {
    const id = `route/${key}`;
    this.takeBack(id);
    if (!route) return;
    const { name, namespace = '', annotations, creationTimestamp: created = '' } = route.metadata;
    const target = functionTargetOf(route);
    const annotated = annotations?.[functionNameAnnotation];
    const composed = [`${namespace}/${name}`, `${namespace}-${name}`];
    if (annotated) this.functions.add(annotated, id, { created, isAnnotated: true, target });
    for (const alias of composed)
      if (alias !== annotated)
        this.functions.add(alias, id, { created, isAnnotated: false, target });
    this.undo.set(id, () => {
      for (const alias of [annotated ?? '', ...composed]) this.functions.remove(alias, id);
    });
  }

  private takeBack(id: string): void {
    this.undo.get(id)?.();
    this.undo.delete(id);
  }

  private finishCatchAll(): void {
    this.table.catchAll = this.catchAll.size > 0 ? finishHost(this.catchAll.values()) : undefined;
  }
}

/** Hosts with what several objects say of each. */
class HostMap {
  readonly hosts = new Map<string, HostRoutes>();
  private readonly contributions = new Map<string, Map<string, Contribution>>();

  add(host: string, owner: string, { ranked, paths }: Contribution): void {
    let owners = this.contributions.get(host);
    if (!owners) this.contributions.set(host, (owners = new Map()));
    // An Ingress may name a host in several rules.
    const old = owners.get(owner);
    owners.set(owner, {
      ranked: [...(old?.ranked ?? []), ...ranked],
      paths: [...(old?.paths ?? []), ...paths],
    });
    this.hosts.set(host, finishHost(owners.values()));
  }

  remove(host: string, owner: string): void {
    const owners = this.contributions.get(host);
    if (!owners?.delete(owner)) return;
    if (owners.size > 0) {
      this.hosts.set(host, finishHost(owners.values()));
      return;
    }
    this.contributions.delete(host);
    this.hosts.delete(host);
  }
}

/** Names that several objects claim; `choose` says whose claim counts. */
class OwnedMap<C, V> {
  readonly values = new Map<string, V>();
  private readonly claims = new Map<string, Map<string, C>>();
  private readonly choose: (claims: readonly C[]) => V;

  /** `choose` gets the claims in the order of their owners' names, which does not depend on who came first. */
  constructor(choose: (claims: readonly C[]) => V) {
    this.choose = choose;
  }

  add(name: string, owner: string, claim: C): void {
    let claims = this.claims.get(name);
    if (!claims) this.claims.set(name, (claims = new Map()));
    claims.set(owner, claim);
    this.settle(name, claims);
  }

  remove(name: string, owner: string): void {
    const claims = this.claims.get(name);
    if (!claims?.delete(owner)) return;
    if (claims.size > 0) {
      this.settle(name, claims);
      return;
    }
    this.claims.delete(name);
    this.values.delete(name);
  }

  private settle(name: string, claims: ReadonlyMap<string, C>): void {
    const ordered = [...claims].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, claim]) => claim);
    this.values.set(name, this.choose(ordered));
  }
}

function finishHost(contributions: Iterable<Contribution>): HostRoutes {
  const ranked: RankedRule[] = [];
  const paths: IngressPath[] = [];
  for (const contribution of contributions) {
    ranked.push(...contribution.ranked);
    paths.push(...contribution.paths);
  }
  return { rules: ranked.toSorted(compareRules).map(({ rule }) => rule), paths };
}

/** Of two Routes with one name the older keeps it. */
function oldestFunction(candidates: readonly NamedFunction[]): FunctionTarget {
  const [best] = candidates.toSorted(
    (a, b) => Number(b.isAnnotated) - Number(a.isAnnotated) || a.created.localeCompare(b.created),
  );
  return best!.target;
}

function functionTargetOf(route: Route): FunctionTarget {
  const { namespace = '' } = route.metadata;
  const qualifiers = new Map<string, string>();
  for (const { tag, revisionName } of route.status?.traffic ?? []) {
    if (revisionName === undefined) continue;
    const key = `${namespace}/${revisionName}`;
    qualifiers.set(revisionName, key);
    if (tag) qualifiers.set(tag, key);
  }
  return { service: keyOf(route.metadata), qualifiers };
}
