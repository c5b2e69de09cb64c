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
import { compareRules, compileHttpRoute } from './compile-http-route.ts';
import type { Contribution } from './compile-ingress.ts';
import { compileIngress } from './compile-ingress.ts';
import { revisionDestination, serviceDestinations } from './destination.ts';
import { isClusterLocalHost } from './host.ts';
import type {
  Destination,
  FunctionTarget,
  HostRoutes,
  HttpRule,
  RoutingTable,
  Split,
} from './table.ts';

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
    for (const { host, isExternal, contribution } of hosts) {
      this.internal.add(host, id, contribution);
      if (isExternal) this.external.add(host, id, contribution);
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
    this.table.catchAll =
      this.catchAll.size > 0 ? finishHost([...this.catchAll.values()]) : undefined;
  }
}

/**
 * What objects say of one name. Nearly every name has one owner, and a Map for each of tens of
 * thousands of names would be most of the table's memory: hence a list.
 */
interface Claim<C> {
  readonly owner: string;
  readonly claim: C;
  readonly next: Claim<C> | undefined;
}

const without = <C>(list: Claim<C> | undefined, owner: string): Claim<C> | undefined =>
  list && (list.owner === owner ? list.next : { ...list, next: without(list.next, owner) });

function* claimsOf<C>(list: Claim<C> | undefined): Generator<Claim<C>> {
  for (let one = list; one; one = one.next) yield one;
}

/** Hosts with what several objects say of each. */
class HostMap {
  readonly hosts = new Map<string, HostRoutes>();
  private readonly contributions = new Map<string, Claim<Contribution>>();

  add(host: string, owner: string, claim: Contribution): void {
    const list = this.contributions.get(host);
    // An Ingress may name a host in several rules.
    const old = [...claimsOf(list)].find((one) => one.owner === owner)?.claim;
    const whole = old
      ? { ranked: [...old.ranked, ...claim.ranked], paths: [...old.paths, ...claim.paths] }
      : claim;
    const others = old ? without(list, owner) : list;
    this.settle(host, { owner, claim: whole, next: others });
  }

  remove(host: string, owner: string): void {
    this.settle(host, without(this.contributions.get(host), owner));
  }

  private settle(host: string, list: Claim<Contribution> | undefined): void {
    if (list) {
      this.contributions.set(host, list);
      this.hosts.set(host, finishHost([...claimsOf(list)].map(({ claim }) => claim)));
    } else {
      this.contributions.delete(host);
      this.hosts.delete(host);
    }
  }
}

/** Names that several objects claim; `choose` says whose claim counts. */
class OwnedMap<C, V> {
  readonly values = new Map<string, V>();
  private readonly claims = new Map<string, Claim<C>>();
  private readonly choose: (claims: readonly C[]) => V;

  /** `choose` gets the claims in the order of their owners' names, which does not depend on who came first. */
  constructor(choose: (claims: readonly C[]) => V) {
    this.choose = choose;
  }

  add(name: string, owner: string, claim: C): void {
    this.settle(name, { owner, claim, next: without(this.claims.get(name), owner) });
  }

  remove(name: string, owner: string): void {
    this.settle(name, without(this.claims.get(name), owner));
  }

  private settle(name: string, list: Claim<C> | undefined): void {
    if (!list) {
      this.claims.delete(name);
      this.values.delete(name);
      return;
    }
    this.claims.set(name, list);
    const ordered = [...claimsOf(list)].toSorted((a, b) => (a.owner < b.owner ? -1 : 1));
    this.values.set(name, this.choose(ordered.map(({ claim }) => claim)));
  }
}

function finishHost(contributions: readonly Contribution[]): HostRoutes {
  const [only] = contributions;
  if (contributions.length === 1 && only!.ranked.length === 0)
    return { rules: noRules, paths: only!.paths };
  const ranked = contributions.flatMap((one) => one.ranked);
  return {
    rules: ranked.toSorted(compareRules).map(({ rule }) => rule),
    paths: contributions.flatMap((one) => one.paths),
  };
}

const noRules: readonly HttpRule[] = [];

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
