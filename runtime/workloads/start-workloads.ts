/**
 * The built-in workload controllers of the local home: what kube-controller-manager does on a
 * cluster, where this room is not started. The composition root gives it a context and starts the
 * informers.
 */
import type { ControllerContext } from '../kube/context.ts';
import { makeCronJobController } from './cron-job/cron-job-controller.ts';
import { makeDaemonSetController } from './daemon-set/daemon-set-controller.ts';
import { makeDeploymentController } from './deployment/deployment-controller.ts';
import { makeNamespaceContentController } from './namespaces/namespace-content-controller.ts';
import { makeDisruptionController } from './disruption/disruption-controller.ts';
import { makeJobController } from './job/job-controller.ts';
import { makeQuotaController } from './quota/quota-controller.ts';
import { makeReplicaSetController } from './replica-set/replica-set-controller.ts';
import { makeStatefulSetController } from './stateful-set/stateful-set-controller.ts';

export interface WorkloadsOptions {
  /** The only node: Pods are placed on it as they are made. Undefined leaves placing to a scheduler. */
  readonly nodeName?: string;
  /** PEM, published in every namespace beside its `default` service account. Undefined: neither. */
  readonly rootCa?: string;
}

export interface WorkloadsHandle {
  /** Stops the controllers; resolves when the last reconcile has returned. */
  close(): Promise<void>;
}

/** Returns at once: controllers work as soon as the caches are in step. */
export function startWorkloads(
  context: ControllerContext,
  options: WorkloadsOptions,
): WorkloadsHandle {
  const { nodeName, rootCa } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const scoped: ControllerContext = { ...context, signal };
  const controllers = [
    makeReplicaSetController(scoped, nodeName),
    makeDeploymentController(scoped),
    makeStatefulSetController(scoped, nodeName),
    makeDaemonSetController(scoped),
    makeJobController(scoped, nodeName),
    makeCronJobController(scoped),
    makeDisruptionController(scoped),
    makeQuotaController(scoped),
    ...(rootCa === undefined ? [] : [makeNamespaceContentController(scoped, rootCa)]),
  ];
  // A plan over half a cache would create what exists: wait for the first lists.
  const running = context.informers.waitForSync(signal).then(
    () => Promise.all(controllers.map((controller) => controller.run(signal))),
    () => [],
  );
  return {
    async close() {
      stop.abort();
      await running;
    },
  };
}
