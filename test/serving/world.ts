/**
 * A small world for plans: objects in memory under the rules of an API server (uid, generation,
 * status apart from spec, cascading deletion), and stand-ins for who writes the statuses that
 * Serving reads: an agent for Deployments, an autoscaler, a gateway.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Deployment } from '../../runtime/apis/apps/types.ts';
import { deploymentKind } from '../../runtime/apis/apps/types.ts';
import type { PodAutoscaler } from '../../runtime/apis/autoscaling/types.ts';
import { podAutoscalerKind } from '../../runtime/apis/autoscaling/types.ts';
import type { Pod } from '../../runtime/apis/core/types.ts';
import { coreServiceKind, podKind } from '../../runtime/apis/core/types.ts';
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import { isControlledBy } from '../../runtime/apis/meta/object.ts';
import type { Ingress } from '../../runtime/apis/networking/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import {
  configurationLabelKey,
  revisionLabelKey,
  routingStateLabelKey,
} from '../../runtime/apis/serving/labels.ts';
import { deploymentName } from '../../runtime/apis/serving/names.ts';
import type { Configuration, Revision, Route, Service } from '../../runtime/apis/serving/types.ts';
import {
  configurationKind,
  revisionKind,
  routeKind,
  serviceKind,
} from '../../runtime/apis/serving/types.ts';
import type { PlannedEvent } from '../../runtime/kube/event-recorder.ts';
import type { Action, Plan } from '../../runtime/kube/plan.ts';
import { planConfiguration } from '../../runtime/serving/configuration/configuration.ts';
import { planLabels } from '../../runtime/serving/labeler/labeler.ts';
import type { ResolveImage } from '../../runtime/serving/revision/digest-resolver.ts';
import { DigestResolver } from '../../runtime/serving/revision/digest-resolver.ts';
import { planRevision } from '../../runtime/serving/revision/revision.ts';
import { planRoute } from '../../runtime/serving/route/route.ts';
import type { ServingConfig } from '../../runtime/serving/serving-config.ts';
import { makeServingConfig } from '../../runtime/serving/serving-config.ts';
import { planService } from '../../runtime/serving/service/service.ts';
import { planPodAutoscaler } from '../../runtime/autoscaler/pod-autoscaler.ts';

export const testConfig: ServingConfig = makeServingConfig({
  domain: 'localhost',
  externalPort: 8080,
  gatewayServiceHost: 'knit-gateway.knative-serving.svc.cluster.local',
});

/** Rounds after which a world that still changes counts as never settling. */
const ROUNDS_MAX = 60;

export class World {
  nowMs = Date.parse('2026-01-01T00:00:00Z');
  config = testConfig;
  /** Revisions whose pods never become ready. */
  readonly broken = new Set<string>();
  readonly events: PlannedEvent[] = [];
  readonly errors: Error[] = [];
  private readonly objects = new Map<string, KubeObject>();
  private serial = 0;
  /** What the image store answers. */
  resolveImage: ResolveImage = () => '';
  private readonly digests = new DigestResolver(() => undefined);

  get<T extends KubeObject>(kind: ResourceKind<T>, name: string): T | undefined {
    return this.objects.get(`${kind.group}/${kind.kind}/${name}`) as T | undefined;
  }

  must<T extends KubeObject>(kind: ResourceKind<T>, name: string): T {
    const object = this.get(kind, name);
    if (!object) throw new Error(`there is no ${kind.kind} "${name}"`);
    return object;
  }

  list<T extends KubeObject>(kind: ResourceKind<T>): T[] {
    const prefix = `${kind.group}/${kind.kind}/`;
    return [...this.objects].filter(([id]) => id.startsWith(prefix)).map(([, o]) => o as T);
  }

  /** Creates, or replaces spec, labels and annotations of what exists. */
  put<T extends KubeObject>(kind: ResourceKind<T>, object: T): void {
    const old = this.get(kind, object.metadata.name);
    if (!old) return this.apply({ type: 'create', kind, object });
    this.apply({
      type: 'update',
      kind,
      object: { ...object, metadata: { ...old.metadata, ...object.metadata } },
    });
  }

  apply(action: Action): void {
    const { kind } = action;
    if (action.type === 'delete') return this.remove(kind, action.name);
    if (action.type === 'patch') {
      const old = this.must(kind, action.name);
      this.store(kind, old, mergePatch(old, action.body) as KubeObject);
      return;
    }
    const { object } = action;
    const old = this.get(kind, object.metadata.name);
    if (action.type === 'create') {
      if (old) throw new Error(`${kind.kind} "${object.metadata.name}" already exists`);
      const metadata = {
        ...object.metadata,
        uid: `uid-${(this.serial += 1)}`,
        generation: 1,
        creationTimestamp: new Date(this.nowMs).toISOString(),
      };
      this.objects.set(this.idOf(kind, metadata.name), structuredClone({ ...object, metadata }));
    } else if (action.type === 'updateStatus') {
      const status = (object as { status?: unknown }).status;
      const now = this.must(kind, object.metadata.name);
      this.objects.set(
        this.idOf(kind, object.metadata.name),
        structuredClone({ ...now, status } as KubeObject),
      );
    } else this.store(kind, this.must(kind, object.metadata.name), object);
  }

  /** Runs every plan until nothing changes, a second passing between rounds. */
  settle(): void {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      this.nowMs += 1_000;
      if (this.round() === 0) return;
    }
    throw new Error('the world does not settle');
  }

  /** The routing state of every Revision. */
  states(): Record<string, string | undefined> {
    return Object.fromEntries(
      this.list(revisionKind).map(({ metadata }) => [
        metadata.name,
        metadata.labels?.[routingStateLabelKey],
      ]),
    );
  }

  /** The plans of all objects as they are now. */
  plans(): Plan[] {
    const plans: Plan[] = [];
    for (const service of this.list(serviceKind)) plans.push(this.planOfService(service));
    for (const configuration of this.list(configurationKind))
      plans.push(this.planOfConfiguration(configuration));
    for (const revision of this.list(revisionKind))
      plans.push(this.planOfRevision(revision), this.planOfLabels(revision));
    for (const route of this.list(routeKind)) plans.push(this.planOfRoute(route));
    for (const podAutoscaler of this.list(podAutoscalerKind))
      plans.push(this.planOfAutoscaler(podAutoscaler));
    return plans;
  }

  planOfService(service: Service): Plan {
    const { name } = service.metadata;
    const named = service.spec.template.metadata?.name;
    return planService(
      {
        service,
        configuration: this.get(configurationKind, name),
        route: this.get(routeKind, name),
        namedRevision: named ? this.get(revisionKind, named) : undefined,
      },
      this.nowMs,
    );
  }

  planOfConfiguration(configuration: Configuration): Plan {
    const { name } = configuration.metadata;
    const named = configuration.spec.template.metadata?.name;
    return planConfiguration(
      {
        configuration,
        revisions: this.list(revisionKind).filter(
          (revision) => revision.metadata.labels?.[configurationLabelKey] === name,
        ),
        namedRevision: named ? this.get(revisionKind, named) : undefined,
        routes: this.list(routeKind).filter((route) =>
          route.spec.traffic?.some((target) => target.configurationName === name),
        ),
      },
      this.config,
      this.nowMs,
    );
  }

  planOfRevision(revision: Revision): Plan {
    const { name } = revision.metadata;
    return planRevision(
      {
        revision,
        deployment: this.get(deploymentKind, deploymentName(name)),
        podAutoscaler: this.get(podAutoscalerKind, name),
        pods: this.list(podKind).filter(
          (pod: Pod) => pod.metadata.labels?.[revisionLabelKey] === name,
        ),
        digests: this.digests.resolve(revision, {
          resolveImage: this.resolveImage,
          skippedRegistries: this.config.deployment.skippedRegistries,
          timeoutMs: this.config.deployment.digestResolutionTimeoutMs,
        }),
      },
      this.config,
      this.nowMs,
    );
  }

  planOfLabels(revision: Revision): Plan {
    const owner = revision.metadata.labels?.[configurationLabelKey] ?? '';
    return planLabels(
      { revision, configuration: this.get(configurationKind, owner), routes: this.list(routeKind) },
      this.nowMs,
    );
  }

  planOfRoute(route: Route): Plan {
    const services = this.list(coreServiceKind);
    const names = new Set([
      route.metadata.name,
      ...(route.spec.traffic ?? []).map(({ tag }) => `${tag ?? ''}-${route.metadata.name}`),
    ]);
    return planRoute(
      {
        route,
        sources: {
          configurations: new Map(
            this.list(configurationKind).map((object) => [object.metadata.name, object]),
          ),
          revisions: new Map(
            this.list(revisionKind).map((object) => [object.metadata.name, object]),
          ),
        },
        ingress: this.get(ingressKind, route.metadata.name),
        services: services.filter(
          (service) => isControlledBy(service, route) || names.has(service.metadata.name),
        ),
      },
      this.config,
      this.nowMs,
    );
  }

  private planOfAutoscaler(podAutoscaler: PodAutoscaler): Plan {
    const deployment = this.get(deploymentKind, podAutoscaler.spec.scaleTargetRef.name);
    return planPodAutoscaler(
      { podAutoscaler, deployment, desired: 1 },
      this.config.autoscaler,
      this.nowMs,
    );
  }

  /** One look at everything; returns the number of changes. */
  private round(): number {
    let changes = 0;
    const run = (plan: Plan): void => {
      for (const action of plan.actions) {
        this.apply(action);
        changes += 1;
      }
      this.events.push(...plan.events);
      if (plan.error) this.errors.push(plan.error);
    };
    for (const { metadata } of this.list(serviceKind))
      run(this.planOfService(this.must(serviceKind, metadata.name)));
    for (const { metadata } of this.list(configurationKind))
      run(this.planOfConfiguration(this.must(configurationKind, metadata.name)));
    for (const { metadata } of this.list(revisionKind)) {
      run(this.planOfRevision(this.must(revisionKind, metadata.name)));
      run(this.planOfLabels(this.must(revisionKind, metadata.name)));
    }
    for (const { metadata } of this.list(routeKind))
      run(this.planOfRoute(this.must(routeKind, metadata.name)));
    for (const { metadata } of this.list(podAutoscalerKind))
      run(this.planOfAutoscaler(this.must(podAutoscalerKind, metadata.name)));
    for (const deployment of this.list(deploymentKind)) changes += this.runDeployment(deployment);
    for (const ingress of this.list(ingressKind)) changes += this.programIngress(ingress);
    return changes;
  }

  private runDeployment(deployment: Deployment): number {
    const wanted = deployment.spec.replicas ?? 1;
    const isBroken = this.broken.has(deployment.metadata.labels?.[revisionLabelKey] ?? '');
    const ready = isBroken ? 0 : wanted;
    const status = { replicas: wanted, readyReplicas: ready, availableReplicas: ready };
    if (isDeepStrictEqual(deployment.status, status)) return 0;
    this.apply({
      type: 'updateStatus',
      kind: deploymentKind,
      object: { ...deployment, status } as Deployment,
    });
    return 1;
  }

  private programIngress(ingress: Ingress): number {
    if (ingress.status?.observedGeneration === ingress.metadata.generation) return 0;
    const condition = (type: string) => ({ type, status: 'True' as const });
    const status = {
      observedGeneration: ingress.metadata.generation ?? 0,
      conditions: ['LoadBalancerReady', 'NetworkConfigured', 'Ready'].map(condition),
    };
    this.apply({
      type: 'updateStatus',
      kind: ingressKind,
      object: { ...ingress, status } as Ingress,
    });
    return 1;
  }

  private store(kind: ResourceKind, old: KubeObject, next: KubeObject): void {
    const before = old as KubeObject & { spec?: unknown; status?: unknown };
    const after = next as KubeObject & { spec?: unknown };
    const generation =
      (old.metadata.generation ?? 0) + (isDeepStrictEqual(before.spec, after.spec) ? 0 : 1);
    const object = { ...next, metadata: { ...next.metadata, generation } } as KubeObject & {
      status?: unknown;
    };
    if (before.status === undefined) delete object.status;
    else object.status = before.status;
    this.objects.set(this.idOf(kind, next.metadata.name), structuredClone(object));
  }

  private remove(kind: ResourceKind, name: string): void {
    const object = this.must(kind, name);
    this.objects.delete(this.idOf(kind, name));
    for (const [id, child] of this.objects)
      if (isControlledBy(child, object)) {
        this.objects.delete(id);
        for (const [grandId, grandChild] of this.objects)
          if (isControlledBy(grandChild, child)) this.objects.delete(grandId);
      }
  }

  private idOf(kind: ResourceKind, name: string): string {
    return `${kind.group}/${kind.kind}/${name}`;
  }
}

function mergePatch(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as Record<string, unknown> | undefined) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** A Service as a user writes it, before defaulting. */
export function makeService(
  name: string,
  options: {
    image?: string;
    templateName?: string;
    traffic?: Service['spec']['traffic'];
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    templateAnnotations?: Record<string, string>;
  } = {},
): Service {
  const { templateName, templateAnnotations } = options;
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: 'ns',
      ...(options.labels ? { labels: options.labels } : {}),
      ...(options.annotations ? { annotations: options.annotations } : {}),
    },
    spec: {
      template: {
        ...(templateName || templateAnnotations
          ? {
              metadata: {
                ...(templateName ? { name: templateName } : {}),
                ...(templateAnnotations ? { annotations: templateAnnotations } : {}),
              },
            }
          : {}),
        spec: { containers: [{ name: '', image: options.image ?? 'knit.local/hello:1' }] },
      },
      ...(options.traffic ? { traffic: options.traffic } : {}),
    },
  };
}
