/**
 * Serving's control plane: one controller per kind over shared informers. The composition root gives
 * it a context and starts the informers.
 */
import {
  autoscalerConfigName,
  defaultAutoscalerConfig,
  parseAutoscalerConfig,
} from '../apis/autoscaling/config.ts';
import { configMapKind } from '../apis/core/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { systemNamespace } from './config-maps.ts';
import { makeConfigurationController } from './configuration/controller.ts';
import { makeLabelerController } from './labeler/controller.ts';
import { makeRevisionController } from './revision/controller.ts';
import { makeRouteController } from './route/controller.ts';
import { makeServiceController } from './service/controller.ts';
import type { ServingConfig } from './serving-config.ts';
import {
  defaultGarbageCollection,
  defaultProgressDeadlineSeconds,
  deploymentConfigName,
  garbageCollectionConfigName,
  parseGarbageCollection,
  parseProgressDeadlineSeconds,
} from './serving-config.ts';

export interface ServingOptions {
  /** Domain of public hosts, e.g. `localhost`. */
  readonly domain: string;
  /** Port of the gateway's external listener; written into URLs unless it is 80. @default 80 */
  readonly externalPort?: number;
  /** Host that the placeholder Services point at, e.g. `knit-gateway.knative-serving.svc.cluster.local`. */
  readonly gatewayServiceHost: string;
}

export interface ServingHandle {
  /** Stops the controllers; resolves when the last reconcile has returned. */
  close(): Promise<void>;
}

/** Resolves at once: controllers work as soon as the caches are in step. */
export async function startServing(
  context: ControllerContext,
  options: ServingOptions,
): Promise<ServingHandle> {
  const config: { current: ServingConfig } = {
    current: {
      domain: options.domain,
      externalPort: options.externalPort ?? 80,
      gatewayServiceHost: options.gatewayServiceHost,
      autoscaler: defaultAutoscalerConfig,
      garbageCollection: defaultGarbageCollection,
      progressDeadlineSeconds: defaultProgressDeadlineSeconds,
    },
  };
  const configMaps = context.informers.informer(configMapKind, { namespace: systemNamespace });
  configMaps.onChange(({ type, object }) => {
    const data = type === 'deleted' ? undefined : object.data;
    config.current = { ...config.current, ...configFrom(object.metadata.name, data) };
  });
  const controllers = [
    makeServiceController(context),
    makeConfigurationController(context, config),
    makeRevisionController(context, config),
    makeRouteController(context, config),
    makeLabelerController(context),
  ];
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
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

/** The part of the configuration that a ConfigMap governs. */
function configFrom(
  name: string,
  data: Readonly<Record<string, string>> | undefined,
): Partial<ServingConfig> {
  switch (name) {
    case autoscalerConfigName:
      return { autoscaler: parseAutoscalerConfig(data).config };
    case garbageCollectionConfigName:
      return { garbageCollection: parseGarbageCollection(data) };
    case deploymentConfigName:
      return { progressDeadlineSeconds: parseProgressDeadlineSeconds(data) };
    default:
      return {};
  }
}
