/**
 * What Serving's plans need to know beyond the objects: passed in, so that they stay pure. Made of
 * the ConfigMaps of knative-serving, and replaced as a whole when one of them changes.
 */
import {
  autoscalerConfigName,
  defaultAutoscalerConfig,
  parseAutoscalerConfig,
} from '../apis/autoscaling/config.ts';
import type { AutoscalerConfig } from '../apis/autoscaling/config.ts';
import type { ConfigMapData } from '../apis/meta/config-map-reader.ts';
import type { DeploymentConfig } from '../apis/serving/config-deployment.ts';
import {
  defaultDeploymentConfig,
  deploymentConfigName,
  parseDeploymentConfig,
} from '../apis/serving/config-deployment.ts';
import { observabilityConfigName } from '../apis/serving/config-maps.ts';
import type { DomainConfig } from '../apis/serving/config-domain.ts';
import { domainConfigName, parseDomainConfig } from '../apis/serving/config-domain.ts';
import type { GarbageCollectionConfig } from '../apis/serving/config-gc.ts';
import {
  defaultGarbageCollection,
  garbageCollectionConfigName,
  parseGarbageCollection,
} from '../apis/serving/config-gc.ts';
import type { NetworkConfig } from '../apis/serving/config-network.ts';
import {
  defaultNetworkConfig,
  networkConfigName,
  parseNetworkConfig,
} from '../apis/serving/config-network.ts';
import type { Features } from '../apis/serving/features.ts';
import { defaultFeatures, featuresConfigName, parseFeatures } from '../apis/serving/features.ts';

export interface ServingConfig {
  /** Domain of public hosts where `config-domain` has no default. */
  readonly domain: string;
  /** Port of the gateway's external listener; written into status.url unless it is 80. */
  readonly externalPort: number;
  /** What the placeholder Services point at. */
  readonly gatewayServiceHost: string;
  readonly domains: DomainConfig;
  readonly network: NetworkConfig;
  readonly features: Features;
  readonly autoscaler: AutoscalerConfig;
  readonly garbageCollection: GarbageCollectionConfig;
  readonly deployment: DeploymentConfig;
  /** Where the logs of a revision are; `${REVISION_UID}` stands for its uid. '' = nowhere to point to. */
  readonly logUrlTemplate: string;
}

/** The configuration of now: replaced as a whole when a ConfigMap changes. */
export interface ServingConfigSource {
  readonly current: ServingConfig;
}

/** What holds before any ConfigMap is read. */
export const makeServingConfig = (
  place: Pick<ServingConfig, 'domain' | 'externalPort' | 'gatewayServiceHost'>,
): ServingConfig => ({
  ...place,
  domains: parseDomainConfig(undefined, place.domain).domains,
  network: defaultNetworkConfig,
  features: defaultFeatures,
  autoscaler: defaultAutoscalerConfig,
  garbageCollection: defaultGarbageCollection,
  deployment: defaultDeploymentConfig,
  logUrlTemplate: '',
});

/** The configuration with what a ConfigMap of this name says now, and what could not be read of it. */
export function withConfigMap(
  config: ServingConfig,
  name: string,
  data: ConfigMapData,
): { readonly config: ServingConfig; readonly errors: readonly string[] } {
  switch (name) {
    case autoscalerConfigName: {
      const parsed = parseAutoscalerConfig(data);
      return { config: { ...config, autoscaler: parsed.config }, errors: parsed.errors };
    }
    case garbageCollectionConfigName: {
      const parsed = parseGarbageCollection(data);
      return { config: { ...config, garbageCollection: parsed.config }, errors: parsed.errors };
    }
    case deploymentConfigName: {
      const parsed = parseDeploymentConfig(data);
      return { config: { ...config, deployment: parsed.config }, errors: parsed.errors };
    }
    case networkConfigName: {
      const parsed = parseNetworkConfig(data);
      return { config: { ...config, network: parsed.config }, errors: parsed.errors };
    }
    case domainConfigName: {
      const { domains, errors } = parseDomainConfig(data, config.domain);
      return { config: { ...config, domains }, errors };
    }
    case featuresConfigName:
      return { config: { ...config, features: parseFeatures(data) }, errors: [] };
    case observabilityConfigName: {
      const logUrlTemplate = data?.['logging.revision-url-template']?.trim() ?? '';
      return { config: { ...config, logUrlTemplate }, errors: [] };
    }
    default:
      return { config, errors: [] };
  }
}
