/** Wires the autoscaler: its stat server, its tick, its controller and its ConfigMap. */
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';
import {
  autoscalerConfigName,
  defaultAutoscalerConfig,
  parseAutoscalerConfig,
} from '../apis/autoscaling/config.ts';
import { configMapKind } from '../apis/core/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { Autoscaler, tickMs } from './autoscaler.ts';
import { startStatServer } from './stat-server.ts';

export interface AutoscalerOptions {
  /** Unix socket for the gateways' reports. */
  readonly statSocketPath?: string;
  /** TCP port on loopback, where there is no socket path. @default 0, a free one */
  readonly statPort?: number;
  /** Used until, and where, the ConfigMap `config-autoscaler` says nothing else. */
  readonly config?: AutoscalerConfig;
}

export interface AutoscalerHandle {
  /** The TCP port; undefined with a socket path. */
  readonly statPort: number | undefined;
  close(): Promise<void>;
}

const systemNamespace = 'knative-serving';

/** Resolves when reports are taken. @throws when the address is in use. */
export async function startAutoscaler(
  context: ControllerContext,
  options: AutoscalerOptions,
): Promise<AutoscalerHandle> {
  const base = options.config ?? defaultAutoscalerConfig;
  const autoscaler = new Autoscaler(context);
  autoscaler.config = base;
  const configMaps = context.informers.informer(configMapKind, { namespace: systemNamespace });
  configMaps.onChange(({ type, object }) => {
    if (object.metadata.name !== autoscalerConfigName) return;
    const data = type === 'deleted' ? undefined : object.data;
    const { config, errors } = parseAutoscalerConfig(data, base);
    if (errors.length > 0)
      context.logger.warn('ConfigMap has bad keys, whose defaults are used', {
        name: autoscalerConfigName,
        errors,
      });
    autoscaler.config = config;
    autoscaler.resync();
  });
  const server = await startStatServer({
    socketPath: options.statSocketPath,
    port: options.statPort,
    listener: autoscaler,
    logger: context.logger,
  });
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const cancelTick = context.clock.every(tickMs, () => autoscaler.tick());
  const running = context.informers.waitForSync(signal).then(
    () => autoscaler.controller.run(signal),
    () => undefined,
  );
  return {
    statPort: server.port,
    async close() {
      cancelTick();
      stop.abort();
      await server.close();
      await running;
    },
  };
}
