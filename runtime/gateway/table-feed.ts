/**
 * Keeps the gateway's view current from informers: each change goes into the routing table at once,
 * pods and endpoints go straight to their throttlers, and Ingresses and HTTPRoutes get their status
 * when the table holds their rules. When the API server is away the informers keep what they have,
 * and so does the table.
 */
import { coreServiceKind, podKind } from '../apis/core/types.ts';
import { endpointSliceKind } from '../apis/discovery/types.ts';
import type { HTTPRoute } from '../apis/gateway/types.ts';
import { httpRouteKind } from '../apis/gateway/types.ts';
import type { KubeObject } from '../apis/meta/object.ts';
import { keyOf, splitKey } from '../apis/meta/object.ts';
import { ingressKind } from '../apis/networking/types.ts';
import { revisionKind, routeKind } from '../apis/serving/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import type { Informer } from '../kube/informer.ts';
import { withParentStatus } from './http-route-status.ts';
import { withReadyStatus } from './ingress-status.ts';
import type { PodIndex } from './pod-index.ts';
import { revisionLabel } from './pod-index.ts';
import type { Destination } from './routing/table.ts';
import { TableBuilder } from './routing/table-builder.ts';
import type { ServiceIndex } from './service-index.ts';

/** Name under which Services of Routes find the gateway. */
export const DOMAIN_INTERNAL_DEFAULT = 'knit-gateway.knative-serving.svc.cluster.local';

export interface TableFeedOptions {
  readonly pods: PodIndex;
  readonly services: ServiceIndex;
  /** What the table says of a revision is different. */
  readonly onDestination: (destination: Destination) => void;
  /** The ready pods of this destination may be different. */
  readonly onPods: (key: string) => void;
  readonly domainInternal: string;
}

export class TableFeed {
  private readonly builder = new TableBuilder();
  private readonly context: ControllerContext;
  private readonly options: TableFeedOptions;
  private readonly informers;
  private readonly controller: Controller;
  private readonly stop = new AbortController();
  private readonly unsubscribe: (() => void)[] = [];
  /** HTTPRoutes by the `namespace/name` of the Services that they name: their status depends on them. */
  private readonly routesByBackend = new Map<string, Set<string>>();
  private running: Promise<void> | undefined;

  constructor(context: ControllerContext, options: TableFeedOptions) {
    this.context = context;
    this.options = options;
    const { informers, clock, logger } = context;
    this.informers = {
      ingresses: informers.informer(ingressKind),
      httpRoutes: informers.informer(httpRouteKind),
      revisions: informers.informer(revisionKind),
      routes: informers.informer(routeKind),
      services: informers.informer(coreServiceKind),
      slices: informers.informer(endpointSliceKind),
      pods: informers.informer(podKind, { labelSelector: revisionLabel }),
    };
    this.controller = new Controller({
      name: 'gateway-status',
      clock,
      logger,
      reconcile: (key) => this.reconcile(key),
    });
  }

  /** Always the same object; what it holds changes between requests. */
  get table(): TableBuilder['table'] {
    return this.builder.table;
  }

  get isSynced(): boolean {
    return Object.values(this.informers).every(({ hasSynced }) => hasSynced);
  }

  start(): void {
    const { ingresses, httpRoutes, revisions, routes, services, slices, pods } = this.informers;
    const { options, builder } = this;
    this.unsubscribe.push(
      pods.onChange((change) => {
        const key = options.pods.apply(change);
        if (key !== undefined) options.onPods(key);
      }),
      slices.onChange(({ type, object }) =>
        options.services.applySlice(type, object).forEach(options.onPods),
      ),
    );
    this.follow(ingresses, (key, ingress) => {
      builder.setIngress(key, ingress);
      // Also when only its status changed: one that someone else overwrote is mended.
      if (ingress) this.controller.enqueue(`Ingress/${key}`);
      this.backendChanged(key);
    });
    this.follow(httpRoutes, (key, route) => {
      builder.setHttpRoute(key, route);
      if (!route) return;
      this.remember(key, route);
      this.controller.enqueue(`HTTPRoute/${key}`);
    });
    this.follow(revisions, (key, revision) => {
      const destination = builder.setRevision(key, revision);
      if (destination) options.onDestination(destination);
    });
    this.follow(routes, (key, route) => builder.setRoute(key, route));
    this.unsubscribe.push(
      services.onChange(({ type, object }) => {
        const key = keyOf(object.metadata);
        builder.setService(key, type === 'deleted' ? undefined : object);
        options.services.applyService(type, object).forEach(options.onPods);
        this.backendChanged(key);
      }),
    );
    this.running = this.controller.run(AbortSignal.any([this.stop.signal, this.context.signal]));
  }

  async close(): Promise<void> {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    this.stop.abort();
    await this.running;
  }

  private follow<T extends KubeObject>(
    informer: Informer<T>,
    set: (key: string, object: T | undefined) => void,
  ): void {
    this.unsubscribe.push(
      informer.onChange(({ type, object }) =>
        set(keyOf(object.metadata), type === 'deleted' ? undefined : object),
      ),
    );
  }

  private remember(key: string, route: HTTPRoute): void {
    for (const backend of backendsOf(route)) {
      const routes = this.routesByBackend.get(backend) ?? new Set();
      this.routesByBackend.set(backend, routes.add(key));
    }
  }

  private backendChanged(backend: string): void {
    const routes = this.routesByBackend.get(backend);
    for (const key of routes ?? []) {
      const { namespace, name } = splitKey(key);
      const route = this.informers.httpRoutes.get(namespace, name);
      if (route && backendsOf(route).has(backend)) this.controller.enqueue(`HTTPRoute/${key}`);
      else routes!.delete(key);
    }
    if (routes?.size === 0) this.routesByBackend.delete(backend);
  }

  private reconcile(id: string): Promise<void> {
    const { namespace: kind, name: key } = splitKey(id);
    return kind === 'Ingress' ? this.reconcileIngress(key) : this.reconcileHttpRoute(key);
  }

  private async reconcileIngress(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const ingress = this.informers.ingresses.get(namespace, name);
    if (!ingress || ingress.metadata.deletionTimestamp) return;
    const next = withReadyStatus(ingress, {
      domainInternal: this.options.domainInternal,
      now: this.now(),
    });
    if (next) await this.context.client.updateStatus(ingressKind, next);
  }

  private async reconcileHttpRoute(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const route = this.informers.httpRoutes.get(namespace, name);
    if (!route || route.metadata.deletionTimestamp || !route.spec.parentRefs?.length) return;
    const { table } = this;
    const { services } = this.informers;
    const missing = [...backendsOf(route)].filter((backend) => {
      const ref = splitKey(backend);
      return !table.services.has(backend) && !services.get(ref.namespace, ref.name);
    });
    const unsupported = (route.spec.rules ?? [])
      .flatMap(({ filters }) => filters ?? [])
      .filter(({ type }) => type === 'ExtensionRef')
      .map(({ type }) => type);
    const next = withParentStatus(route, { missing, unsupported, now: this.now() });
    if (next) await this.context.client.updateStatus(httpRouteKind, next);
  }

  private now(): string {
    return new Date(this.context.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
  }
}

/** `namespace/name` of every Service that the route names. */
function backendsOf({ metadata, spec }: HTTPRoute): Set<string> {
  const refs = (spec.rules ?? []).flatMap(({ backendRefs, filters }) => [
    ...(backendRefs ?? []),
    ...(filters ?? []).flatMap(({ requestMirror }) =>
      requestMirror ? [requestMirror.backendRef] : [],
    ),
  ]);
  return new Set(
    refs.map(({ name, namespace }) => `${namespace ?? metadata.namespace ?? ''}/${name}`),
  );
}
