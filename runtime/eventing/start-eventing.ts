/**
 * The eventing room's entry: controllers of Broker and Trigger. They own status only; the data plane
 * is the broker room, which reads what is written here.
 */
import { dependencyAnnotation, parseDependency } from '../apis/eventing/definitions.ts';
import { isOurBroker } from '../apis/eventing/broker-class.ts';
import type { ObjectLookup } from '../apis/eventing/resolve-destination.ts';
import {
  ReferenceTracker,
  addressableKinds,
  qualifyReference,
  resolveDestination,
} from '../apis/eventing/resolve-destination.ts';
import type { Destination, KReference, Trigger } from '../apis/eventing/types.ts';
import { brokerKind, triggerKind } from '../apis/eventing/types.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import { apiVersionOf, keyOf, splitKey } from '../apis/meta/object.ts';
import { pingSourceKind } from '../apis/sources/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Controller } from '../kube/controller.ts';
import { EventRecorder } from '../kube/event-recorder.ts';
import type { Informer } from '../kube/informer.ts';
import { applyPlan } from '../kube/plan.ts';
import { planBroker } from './broker/broker.ts';
import type { ConditionedObject, Dependency } from './trigger/trigger.ts';
import { planTrigger } from './trigger/trigger.ts';

export interface EventingOptions {
  /** Host of broker addresses. @default broker-ingress.knative-eventing.svc.cluster.local */
  readonly brokerIngressHost?: string;
}

export interface EventingHandle {
  /** Resolves when the last reconcile has returned. */
  close(): Promise<void>;
}

const BROKER_INGRESS_HOST = 'broker-ingress.knative-eventing.svc.cluster.local';

/** Starts the controllers; they work once the informers have synced. */
export async function startEventing(
  context: ControllerContext,
  options: EventingOptions = {},
): Promise<EventingHandle> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([context.signal, stopping.signal]);
  const targets = new TargetCaches(context);
  const running = [
    makeBrokerController(context, targets, options.brokerIngressHost ?? BROKER_INGRESS_HOST),
    makeTriggerController(context, targets),
  ].map(async (controller) => {
    await context.informers.waitForSync(signal).catch(() => undefined); // Aborted: run returns at once.
    await controller.run(signal);
  });
  return {
    async close() {
      stopping.abort(new Error('eventing is stopping'));
      await Promise.all(running);
    },
  };
}

/** Caches of everything that a Destination or a dependency may refer to. */
class TargetCaches {
  readonly informers: readonly Informer<KubeObject>[];
  private readonly byKind = new Map<string, Informer<KubeObject>>();

  constructor(context: ControllerContext) {
    const kinds = [...addressableKinds, triggerKind, pingSourceKind] as readonly ResourceKind[];
    this.informers = kinds.map((kind) => {
      const informer = context.informers.informer(kind);
      this.byKind.set(`${apiVersionOf(kind)}|${kind.kind}`, informer);
      return informer;
    });
  }

  readonly lookUp: ObjectLookup = (ref) =>
    this.byKind.get(`${ref.apiVersion}|${ref.kind}`)?.get(ref.namespace, ref.name);

  /** Whether objects of this kind can be seen at all. */
  knows(ref: KReference): boolean {
    return this.byKind.has(`${ref.apiVersion}|${ref.kind}`);
  }
}

function makeBrokerController(
  context: ControllerContext,
  targets: TargetCaches,
  ingressHost: string,
): Controller {
  const { client, clock, logger } = context;
  const brokers = context.informers.informer(brokerKind);
  const tracker = new ReferenceTracker();
  const recorder = new EventRecorder({ client, component: 'broker-controller', clock, logger });
  const controller = new Controller({
    name: 'broker',
    clock,
    logger,
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const broker = brokers.get(namespace, name);
      const sink = broker?.spec?.delivery?.deadLetterSink;
      tracker.track(key, refsOf(namespace, sink));
      if (!broker || broker.metadata.deletionTimestamp || !isOurBroker(broker)) return;
      const deadLetterSink =
        sink && resolveDestination(sink, { namespace, lookUp: targets.lookUp });
      const plan = planBroker({ broker, deadLetterSink }, { ingressHost }, clock.now());
      await applyPlan(plan, { client, recorder });
    },
  });
  controller.watch(brokers);
  for (const informer of targets.informers)
    controller.watch(informer, (object) => tracker.referrersOf(object));
  return controller;
}

function makeTriggerController(context: ControllerContext, targets: TargetCaches): Controller {
  const { client, clock, logger } = context;
  const brokers = context.informers.informer(brokerKind);
  const triggers = context.informers.informer(triggerKind);
  const tracker = new ReferenceTracker();
  const recorder = new EventRecorder({ client, component: 'trigger-controller', clock, logger });
  const controller = new Controller({
    name: 'trigger',
    clock,
    logger,
    async reconcile(key) {
      const { namespace, name } = splitKey(key);
      const trigger = triggers.get(namespace, name);
      if (!trigger || trigger.metadata.deletionTimestamp) {
        tracker.track(key, []);
        return;
      }
      const { subscriber, delivery } = trigger.spec;
      const dependency = dependencyRef(trigger, namespace);
      const sink = delivery?.deadLetterSink;
      const refs = refsOf(namespace, subscriber, sink);
      tracker.track(key, dependency ? [...refs, dependency] : refs);
      const options = { namespace, lookUp: targets.lookUp };
      const plan = planTrigger(
        {
          trigger,
          broker: brokers.get(namespace, trigger.spec.broker),
          subscriber: resolveDestination(subscriber, options),
          deadLetterSink: sink && resolveDestination(sink, options),
          dependency: observeDependency(dependency, targets),
        },
        clock.now(),
      );
      await applyPlan(plan, { client, recorder });
    },
  });
  controller.watch(triggers);
  controller.watch(brokers, (broker) => {
    const { namespace, name } = broker.metadata;
    return triggers
      .list(namespace === undefined ? {} : { namespace })
      .filter((trigger) => trigger.spec.broker === name)
      .map((trigger) => keyOf(trigger.metadata));
  });
  for (const informer of targets.informers)
    controller.watch(informer, (object) => tracker.referrersOf(object));
  return controller;
}

function refsOf(
  namespace: string,
  ...destinations: readonly (Destination | undefined)[]
): Required<KReference>[] {
  return destinations.flatMap((destination) =>
    destination?.ref ? [qualifyReference(destination.ref, namespace)] : [],
  );
}

function dependencyRef(trigger: Trigger, namespace: string): Required<KReference> | undefined {
  const text = trigger.metadata.annotations?.[dependencyAnnotation];
  const ref = text === undefined ? undefined : parseDependency(text);
  if (!ref) return undefined;
  const { kind = '', name = '', apiVersion = '' } = ref;
  return { kind, name, apiVersion, namespace };
}

function observeDependency(
  ref: Required<KReference> | undefined,
  targets: TargetCaches,
): Dependency {
  if (!ref) return { type: 'none' };
  const object: ConditionedObject | undefined = targets.lookUp(ref);
  if (object) return { type: 'found', object };
  const what = `${ref.kind} ${ref.namespace}/${ref.name}`;
  const message = targets.knows(ref)
    ? `${what} does not exist`
    : `${what}: ${ref.apiVersion} ${ref.kind} cannot be a dependency here`;
  return { type: 'missing', message };
}
