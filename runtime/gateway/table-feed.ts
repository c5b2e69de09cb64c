/**
 * Keeps the gateway's view current from informers: the routing table is rebuilt once per turn of the
 * event loop in which something changed, pods go straight to their throttlers, and each Ingress gets
 * its status when the table in use holds its rules. When the API server is away the informers keep
 * what they have, and so does the table.
 */
import { podKind } from '../apis/core/types.ts';
import { httpRouteKind } from '../apis/gateway/types.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import { keyOf, splitKey } from '../apis/meta/object.ts';
import { ingressKind } from '../apis/networking/types.ts';
import { revisionKind, routeKind } from '../apis/serving/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import type { Informer } from '../kube/informer.ts';
import { withReadyStatus } from './ingress-status.ts';
import type { PodIndex } from './pod-index.ts';
import { revisionLabel } from './pod-index.ts';
import { buildTable } from './routing/build-table.ts';
import type { RoutingTable } from './routing/table.ts';

/** Name under which Services of Routes find the gateway. */
export const DOMAIN_INTERNAL_DEFAULT = 'knit-gateway.knative-serving.svc.cluster.local';

export interface TableFeedOptions {
  readonly pods: PodIndex;
  readonly onTable: (table: RoutingTable) => void;
  readonly onPods: (revisionKey: string) => void;
  readonly domainInternal: string;
}

export class TableFeed {
  private readonly context: ControllerContext;
  private readonly options: TableFeedOptions;
  private readonly informers;
  private readonly controller: Controller;
  private readonly stop = new AbortController();
  private readonly unsubscribe: (() => void)[] = [];
  private running: Promise<void> | undefined;
  private isDirty = false;
  private table: RoutingTable | undefined;

  constructor(context: ControllerContext, options: TableFeedOptions) {
    this.context = context;
    this.options = options;
    const { informers, clock, logger } = context;
    this.informers = {
      ingresses: informers.informer(ingressKind),
      httpRoutes: informers.informer(httpRouteKind),
      revisions: informers.informer(revisionKind),
      routes: informers.informer(routeKind),
      pods: informers.informer(podKind, { labelSelector: revisionLabel }),
    };
    this.controller = new Controller({
      name: 'ingress-status',
      clock,
      logger,
      reconcile: (key) => this.reconcileStatus(key),
    });
  }

  get isSynced(): boolean {
    return Object.values(this.informers).every(({ hasSynced }) => hasSynced);
  }

  start(): void {
    const { ingresses, httpRoutes, revisions, routes, pods } = this.informers;
    this.unsubscribe.push(
      pods.onChange((change) => {
        const key = this.options.pods.apply(change);
        if (key !== undefined) this.options.onPods(key);
      }),
    );
    this.rebuildOn(ingresses);
    this.rebuildOn(httpRoutes);
    this.rebuildOn(revisions);
    this.rebuildOn(routes);
    this.running = this.controller.run(AbortSignal.any([this.stop.signal, this.context.signal]));
  }

  /** Builds the table now, e.g. when the first lists are in. */
  rebuild(): void {
    this.isDirty = false;
    const { ingresses, httpRoutes, revisions, routes } = this.informers;
    const table = buildTable({
      isLoaded: this.isSynced,
      ingresses: ingresses.list(),
      httpRoutes: httpRoutes.list(),
      revisions: revisions.list(),
      routes: routes.list(),
    });
    const old = this.table;
    this.table = table;
    this.options.onTable(table);
    for (const [key, generation] of table.ingresses)
      if (old?.ingresses.get(key) !== generation) this.controller.enqueue(key);
  }

  async close(): Promise<void> {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    this.stop.abort();
    await this.running;
  }

  private rebuildOn<T extends KubeObject>(informer: Informer<T> & { kind: ResourceKind }): void {
    this.unsubscribe.push(
      informer.onChange(({ object }) => {
        // A status that someone else overwrote is mended, whether or not the rules changed.
        if (informer.kind.kind === 'Ingress' && this.table)
          this.controller.enqueue(keyOf(object.metadata));
        if (this.isDirty) return;
        this.isDirty = true;
        setImmediate(() => this.isDirty && !this.stop.signal.aborted && this.rebuild());
      }),
    );
  }

  private async reconcileStatus(key: string): Promise<void> {
    const { namespace, name } = splitKey(key);
    const ingress = this.informers.ingresses.get(namespace, name);
    // Not in the table yet: the rebuild that brings it in enqueues it again.
    const isServed = this.table?.ingresses.get(key) === (ingress?.metadata.generation ?? 0);
    if (!ingress || ingress.metadata.deletionTimestamp || !isServed) return;
    const next = withReadyStatus(ingress, {
      domainInternal: this.options.domainInternal,
      now: new Date(this.context.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    if (next) await this.context.client.updateStatus(ingressKind, next);
  }
}
