/**
 * What makes a ConfigMap of knative-serving acceptable, for admission: its keys must parse, and its
 * `_example` must be what its checksum says, since a setting written there has no effect.
 * Source: knative.dev/pkg webhook/configmaps/configmaps.go, configmap/hash-gen.
 */
import { crc32 } from 'node:zlib';
import { autoscalerConfigName, parseAutoscalerConfig } from '../autoscaling/config.ts';
import type { ConfigMap } from '../core/types.ts';
import { parseServingDefaults, servingDefaultsName } from './config-defaults.ts';
import { deploymentConfigName, parseDeploymentConfig } from './config-deployment.ts';
import { domainConfigName, parseDomainConfig } from './config-domain.ts';
import { featuresConfigName } from './features.ts';
import { garbageCollectionConfigName, parseGarbageCollection } from './config-gc.ts';
import { networkConfigName, parseNetworkConfig } from './config-network.ts';

export const servingSystemNamespace = 'knative-serving';
export const observabilityConfigName = 'config-observability';
export const configWebhookName = 'config.webhook.serving.knative.dev';
export const exampleKey = '_example';
export const exampleChecksumKey = 'knative.dev/example-checksum';

type Data = ConfigMap['data'];

const parsers: Readonly<Record<string, (data: Data) => readonly string[]>> = {
  [autoscalerConfigName]: (data) => parseAutoscalerConfig(data).errors,
  [servingDefaultsName]: (data) => parseServingDefaults(data).errors,
  [deploymentConfigName]: (data) => parseDeploymentConfig(data).errors,
  [domainConfigName]: (data) => parseDomainConfig(data, '').errors,
  [garbageCollectionConfigName]: (data) => parseGarbageCollection(data).errors,
  // No value of these is wrong.
  [featuresConfigName]: () => [],
  [observabilityConfigName]: () => [],
  [networkConfigName]: (data) => parseNetworkConfig(data).errors,
};

/** What is wrong with it, in upstream's words; undefined when nothing is, or it is none of ours. */
export function configMapFault({ metadata, data }: ConfigMap): string | undefined {
  if (metadata.namespace !== servingSystemNamespace) return undefined;
  const parser = parsers[metadata.name];
  if (!parser) return undefined;
  const checksum = metadata.annotations?.[exampleChecksumKey];
  const example = data?.[exampleKey];
  if (checksum !== undefined && example !== undefined && checksum !== exampleChecksum(example))
    return `the update modifies a key in "${exampleKey}" which is probably not what you want. Instead, copy the respective setting to the top-level of the ConfigMap, directly below "data"`;
  return parser(data)[0];
}

/** CRC-32 of the example without space at either end and with single line breaks, in hex. */
export function exampleChecksum(example: string): string {
  // Upstream's replacement is a backslash and an n, not a line break.
  const text = example.trim().replace(/(?:\r?\n)+/g, '\\n');
  return (crc32(text) >>> 0).toString(16).padStart(8, '0');
}
