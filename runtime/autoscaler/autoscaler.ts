/**
 * The autoscaler's shell: reports in, decisions at each tick, and at once for a request that waits.
 * What to decide is `decide.ts`, what to do about it `pod-autoscaler.ts`; this keeps their state.
 */
import { deploymentKind } from '../apis/apps/types.ts';
import type { Deployment } from '../apis/apps/types.ts';
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';
import { defaultAutoscalerConfig } from '../apis/autoscaling/config.ts';
import type { StatMessage } from '../apis/autoscaling/stat.ts';
import type { PodAutoscaler } from '../apis/autoscaling/types.ts';
import { podAutoscalerKind } from '../apis/autoscaling/types.ts';
import { keyOf, splitKey } from '../apis/meta/object.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import type { Informer } from '../kube/informer.ts';
import { applyPlan } from '../kube/plan.ts';
import type { DeciderState } from './decide.ts';
import { decide, initialDeciderState } from './decide.ts';
import { deciderSpecOf, metricSpecOf } from './decider-spec.ts';
import { planScale, scaleUnknown } from './plan-scale.ts';
import { planPodAutoscaler, scaleAction, scaleInputOf } from './pod-autoscaler.ts';
import { StatCollector } from './stat-collector.ts';
import type { StatListener } from './stat-server.ts';

/** Time between decisions. Source: knative.dev/serving pkg/autoscaler/scaling/multiscaler.go. */
export const tickMs = 2_000;

interface Decider {
  readonly createdMs: number;
  state: DeciderState;
  desired: number;
  /** A scale-up that is on its way to the API server: no second one need follow. */
  scalingTo: number | undefined;
}

export class Autoscaler implements StatListener {
  /** Replaced as a whole when the ConfigMap changes. */
  config: AutoscalerConfig = defaultAutoscalerConfig;
  readonly controller: Controller;
  private readonly context: ControllerContext;
  private readonly recorder: EventRecorder;
  private readonly podAutoscalers: Informer<PodAutoscaler>;
  private readonly deployments: Informer<Deployment>;
  private readonly collector = new StatCollector();
  private readonly deciders = new Map<string, Decider>();

  constructor(context: ControllerContext) {
    const { client, clock, informers } = context;
    const component = 'autoscaler';
    const logger = context.logger.child({ controller: component });
    this.context = { ...context, logger };
    this.recorder = new EventRecorder({ client, component, clock, logger });
    this.podAutoscalers = informers.informer(podAutoscalerKind);
    this.deployments = informers.informer(deploymentKind);
    this.controller = new Controller({
      name: component,
      clock,
      logger,
      reconcile: (key) => this.reconcile(key),
    });
    this.controller.watch(this.podAutoscalers);
    this.controller.watch(this.deployments, revisionKeyOf);
    this.podAutoscalers.onChange(({ type, object }) => {
      if (type === 'deleted') this.forget(keyOf(object.metadata));
    });
  }

  /** Decides for every revision; called each `tickMs`. */
  tick(): void {
    const nowMs = this.context.clock.now();
    const isConnected = this.collector.connectedSinceMs !== undefined;
    for (const podAutoscaler of this.podAutoscalers.list()) {
      const key = keyOf(podAutoscaler.metadata);
      const decider = this.deciderOf(key, podAutoscaler);
      if (isConnected && this.readyPodsOf(podAutoscaler) > 0)
        this.collector.recordSilence(key, nowMs);
      const before = decider.desired;
      this.decideFor(key, podAutoscaler, decider);
      if (decider.desired !== before) this.controller.enqueue(key);
    }
  }

  /** Looks at every revision again, e.g. after a change of the configuration. */
  resync(): void {
    for (const { metadata } of this.podAutoscalers.list()) this.controller.enqueue(keyOf(metadata));
  }

  onConnect(connection: object): void {
    this.collector.connect(connection, this.context.clock.now());
  }

  onDisconnect(connection: object): void {
    this.collector.disconnect(connection);
  }

  /** Records the report, and scales up at once what has requests waiting. */
  onMessage(connection: object, message: StatMessage): void {
    for (const { key } of message.stats) {
      const podAutoscaler = this.podAutoscalerOf(key);
      if (podAutoscaler) this.deciderOf(key, podAutoscaler);
    }
    this.collector.record(connection, message, this.context.clock.now());
    for (const { key, queued } of message.stats) if (queued > 0) this.scaleUpNow(key);
  }

  /**
   * The path of a cold start: decision and write in the turn in which the report came, without the
   * work queue. It only ever raises the scale; everything else follows from the tick.
   */
  private scaleUpNow(key: string): void {
    const podAutoscaler = this.podAutoscalerOf(key);
    if (!podAutoscaler) return; // Its controller asks for what is waiting when it appears.
    const decider = this.deciderOf(key, podAutoscaler);
    const before = decider.desired;
    const { state } = decider;
    this.decideFor(key, podAutoscaler, decider);
    if (decider.desired < before) {
      // Off the tick: a decision to scale down is the tick's, or it would come too often.
      decider.desired = before;
      decider.state = state;
    }
    const deployment = this.deploymentOf(podAutoscaler);
    if (!deployment) return;
    const observed = { podAutoscaler, deployment, desired: decider.desired };
    const { replicas } = planScale(scaleInputOf(observed, this.config), this.context.clock.now());
    const current = deployment.spec.replicas ?? 1;
    if (replicas === undefined || replicas <= current) return;
    if (decider.scalingTo === replicas) return;
    decider.scalingTo = replicas;
    const plan = { actions: [scaleAction(deployment, replicas)], events: [] };
    const { client } = this.context;
    applyPlan(plan, { client, recorder: this.recorder })
      .catch((error: unknown) => {
        this.context.logger.warn('scale-up failed, will be retried', { key, error: String(error) });
      })
      .finally(() => {
        decider.scalingTo = undefined;
        // The status follows, and the scale too if it could not be written.
        this.controller.enqueue(key);
      });
  }

  private async reconcile(key: string): Promise<{ requeueAfterMs?: number | undefined } | void> {
    const podAutoscaler = this.podAutoscalerOf(key);
    if (!podAutoscaler || podAutoscaler.metadata.deletionTimestamp) return undefined;
    const decider = this.deciderOf(key, podAutoscaler);
    const deployment = this.deploymentOf(podAutoscaler);
    const nowMs = this.context.clock.now();
    const isWaitingAtZero =
      this.collector.queued(key, nowMs) > 0 && (deployment?.spec.replicas ?? 0) === 0;
    if (isWaitingAtZero || decider.desired === scaleUnknown)
      this.decideFor(key, podAutoscaler, decider);
    const plan = planPodAutoscaler(
      { podAutoscaler, deployment, desired: decider.desired },
      this.config,
      nowMs,
    );
    return applyPlan(plan, { client: this.context.client, recorder: this.recorder });
  }

  private decideFor(key: string, podAutoscaler: PodAutoscaler, decider: Decider): void {
    const nowMs = this.context.clock.now();
    const reading = this.collector.read(key, nowMs);
    if (!reading) return;
    const watchedSinceMs = Math.max(decider.createdMs, this.collector.connectedSinceMs ?? nowMs);
    const readyPods = this.readyPodsOf(podAutoscaler);
    const spec = deciderSpecOf(podAutoscaler, this.config);
    const demand = { ...reading, readyPods, watchedSinceMs };
    const { desired, state } = decide(spec, demand, decider.state, nowMs);
    decider.desired = desired;
    decider.state = state;
  }

  private deciderOf(key: string, podAutoscaler: PodAutoscaler): Decider {
    this.collector.track(key, metricSpecOf(podAutoscaler, this.config));
    let decider = this.deciders.get(key);
    if (!decider) {
      const createdMs = this.context.clock.now();
      const state = initialDeciderState(this.readyPodsOf(podAutoscaler), createdMs);
      decider = { createdMs, state, desired: scaleUnknown, scalingTo: undefined };
      this.deciders.set(key, decider);
    }
    return decider;
  }

  private forget(key: string): void {
    this.deciders.delete(key);
    this.collector.forget(key);
  }

  private podAutoscalerOf(key: string): PodAutoscaler | undefined {
    const { namespace, name } = splitKey(key);
    return this.podAutoscalers.get(namespace, name);
  }

  private deploymentOf(podAutoscaler: PodAutoscaler): Deployment | undefined {
    const { namespace = '' } = podAutoscaler.metadata;
    return this.deployments.get(namespace, podAutoscaler.spec.scaleTargetRef.name);
  }

  private readyPodsOf(podAutoscaler: PodAutoscaler): number {
    return this.deploymentOf(podAutoscaler)?.status?.readyReplicas ?? 0;
  }
}

/** A Revision and its PodAutoscaler share a name. */
function revisionKeyOf(deployment: Deployment): readonly string[] {
  const owner = deployment.metadata.ownerReferences?.find(({ controller }) => controller === true);
  return owner?.kind === 'Revision' ? [`${deployment.metadata.namespace ?? ''}/${owner.name}`] : [];
}
