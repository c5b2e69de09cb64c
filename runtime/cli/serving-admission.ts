/**
 * What `config-autoscaler`, `config-defaults` and `config-features` say now, for the API server's
 * admission: it is asked at each write, so it is kept current by an informer. What cannot be read
 * leaves the defaults standing, and is logged.
 */
import { autoscalerConfigName, parseAutoscalerConfig } from '../apis/autoscaling/config.ts';
import type { ConfigMap } from '../apis/core/types.ts';
import { configMapKind } from '../apis/core/types.ts';
import { parseServingDefaults, servingDefaultsName } from '../apis/serving/config-defaults.ts';
import type { ServingAdmissionConfig } from '../apis/serving/admission-config.ts';
import { defaultServingAdmissionConfig } from '../apis/serving/admission-config.ts';
import { featuresConfigName, parseFeatures } from '../apis/serving/features.ts';
import type { ControllerContext } from '../kube/context.ts';
import { systemNamespace } from '../serving/config-maps.ts';
import type { Logger } from '../std/logger.ts';

export class ServingAdmission {
  current: ServingAdmissionConfig = defaultServingAdmissionConfig;

  /** Resolves when what was set before this start governs; later changes are followed. */
  async follow({
    client,
    informers,
    logger,
  }: Pick<ControllerContext, 'client' | 'informers' | 'logger'>): Promise<void> {
    const { items } = await client.list(configMapKind, { namespace: systemNamespace });
    for (const configMap of items) this.take(configMap.metadata.name, configMap.data, logger);
    informers
      .informer(configMapKind, { namespace: systemNamespace })
      .onChange(({ type, object }) =>
        this.take(object.metadata.name, type === 'deleted' ? undefined : object.data, logger),
      );
  }

  private take(name: string, data: ConfigMap['data'], logger: Logger): void {
    // The autoscaler reads the same ConfigMap and is the one to report its errors.
    if (name === autoscalerConfigName)
      this.current = { ...this.current, autoscaler: parseAutoscalerConfig(data).config };
    if (name === featuresConfigName)
      this.current = { ...this.current, features: parseFeatures(data) };
    if (name !== servingDefaultsName) return;
    const { defaults, errors } = parseServingDefaults(data);
    this.current = { ...this.current, defaults };
    if (errors.length > 0) logger.warn('a ConfigMap has keys that are not taken', { name, errors });
  }
}
