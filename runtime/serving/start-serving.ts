/**
 * Serving's control plane: one controller per kind over shared informers. The composition root gives
 * it a context and starts the informers.
 */
import { isDeepStrictEqual } from 'node:util';
import { configMapKind } from '../apis/core/types.ts';
import { keyOf } from '../apis/meta/object.ts';
import { domainMappingKind, revisionKind, routeKind } from '../apis/serving/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { systemNamespace } from './config-maps.ts';
import { makeConfigurationController } from './configuration/controller.ts';
import { makeDomainMappingController } from './domain-mapping/controller.ts';
import { makeLabelerController } from './labeler/controller.ts';
import { makeRevisionController } from './revision/controller.ts';
import type { ResolveImage } from './revision/digest-resolver.ts';
import { makeRouteController } from './route/controller.ts';
import { makeServiceController } from './service/controller.ts';
import type { ServingConfig } from './serving-config.ts';
import { makeServingConfig, withConfigMap } from './serving-config.ts';

export interface ServingOptions {
  /** Domain of public hosts, e.g. `localhost`. */
  readonly domain: string;
  /** Port of the gateway's external listener; written into URLs unless it is 80. @default 80 */
  readonly externalPort?: number;
  /** Host that the placeholder Services point at, e.g. `knit-gateway.knative-serving.svc.cluster.local`. */
  readonly gatewayServiceHost: string;
  /** Finds the digest of an image. @default images are run as they are written */
  readonly resolveImage?: ResolveImage;
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
    current: makeServingConfig({
      domain: options.domain,
      externalPort: options.externalPort ?? 80,
      gatewayServiceHost: options.gatewayServiceHost,
    }),
  };
  const revisions = makeRevisionController(context, config, options.resolveImage ?? (() => ''));
  const routes = makeRouteController(context, config);
  const mappings = makeDomainMappingController(context, config);
  const controllers = [
    makeServiceController(context),
    makeConfigurationController(context, config),
    revisions,
    routes,
    mappings,
    makeLabelerController(context),
  ];
  followConfigMaps(context, config, () => {
    const { informers } = context;
    for (const { metadata } of informers.informer(revisionKind).list())
      revisions.enqueue(keyOf(metadata));
    for (const { metadata } of informers.informer(routeKind).list())
      routes.enqueue(keyOf(metadata));
    for (const { metadata } of informers.informer(domainMappingKind).list())
      mappings.enqueue(keyOf(metadata));
  });
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

/** Takes each ConfigMap when it changes, and looks at all that depends on it again. */
function followConfigMaps(
  { informers, logger }: ControllerContext,
  config: { current: ServingConfig },
  resync: () => void,
): void {
  informers.informer(configMapKind, { namespace: systemNamespace }).onChange(({ type, object }) => {
    const { name } = object.metadata;
    const data = type === 'deleted' ? undefined : object.data;
    const next = withConfigMap(config.current, name, data);
    if (next.errors.length > 0)
      logger.warn('a ConfigMap cannot be read, its defaults hold', { name, errors: next.errors });
    if (isDeepStrictEqual(next.config, config.current)) return;
    config.current = next.config;
    resync();
  });
}
