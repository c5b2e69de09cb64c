/**
 * The ConfigMaps of knative-serving as an installation finds them: no settings, and under `_example`
 * every key that is read, with its default, so that `kubectl edit` shows what there is to set. Keys
 * of Knative that Knit does not read are left out on purpose.
 */
import { autoscalerConfigName } from '../apis/autoscaling/config.ts';
import type { ConfigMap } from '../apis/core/types.ts';
import { configMapKind } from '../apis/core/types.ts';
import { servingDefaultsName } from '../apis/serving/config-defaults.ts';
import { deploymentConfigName } from '../apis/serving/config-deployment.ts';
import { domainConfigName } from '../apis/serving/config-domain.ts';
import { garbageCollectionConfigName } from '../apis/serving/config-gc.ts';
import {
  exampleChecksum,
  exampleChecksumKey,
  exampleKey,
  observabilityConfigName,
  servingSystemNamespace,
} from '../apis/serving/config-maps.ts';
import { networkConfigName } from '../apis/serving/config-network.ts';
import { defaultFeatures, featuresConfigName } from '../apis/serving/features.ts';
import { isAlreadyExists } from '../kube/api-error.ts';
import type { KubeClient } from '../kube/client.ts';

export const systemNamespace = servingSystemNamespace;

const examples: Readonly<Record<string, string>> = {
  [autoscalerConfigName]: `# Class of revisions that name none.
pod-autoscaler-class: "kpa.autoscaling.knative.dev"
# Share of a pod's capacity, in percent, that the autoscaler aims at.
container-concurrency-target-percentage: "70"
# Capacity of a pod that names no limit of its own, in requests at once.
container-concurrency-target-default: "100"
requests-per-second-target-default: "200"
# Both accepted for compatibility: the gateway always queues.
target-burst-capacity: "211"
activator-capacity: "100"
# Whole seconds, 6s to 1h.
stable-window: "60s"
# In percent of the stable window.
panic-window-percentage: "10"
# In percent of what the ready pods can take.
panic-threshold-percentage: "200"
max-scale-up-rate: "1000"
max-scale-down-rate: "2"
enable-scale-to-zero: "true"
scale-to-zero-grace-period: "30s"
scale-to-zero-pod-retention-period: "0s"
initial-scale: "1"
allow-zero-initial-scale: "false"
min-scale: "0"
# 0 = no limit.
max-scale: "0"
# 0 = revisions may ask for any max-scale.
max-scale-limit: "0"
scale-down-delay: "0s"
`,
  [servingDefaultsName]: `revision-timeout-seconds: "300"
max-revision-timeout-seconds: "600"
# 0 = unlimited.
container-concurrency: "0"
container-concurrency-max-limit: "1000"
allow-container-concurrency-zero: "true"
# true, false, or "default" for what the pod's own default is.
enable-service-links: "false"
# Written into a revision only where they are shorter than its timeout; 0 = off.
revision-response-start-timeout-seconds: "300"
revision-idle-timeout-seconds: "0"
# Go templates over the metadata of the Service or Configuration.
container-name-template: "user-container"
init-container-name-template: "init-container"
# Not set unless you set them: revision-cpu-request, revision-cpu-limit, revision-memory-request,
# revision-memory-limit, revision-ephemeral-storage-request, revision-ephemeral-storage-limit.
`,
  [garbageCollectionConfigName]: `# Ages are durations, or "disabled".
retain-since-create-time: "48h"
retain-since-last-active-time: "15h"
min-non-active-revisions: "20"
# A count, or "disabled".
max-non-active-revisions: "1000"
`,
  [deploymentConfigName]: `# How long the first pods of a revision may take to get ready, in whole seconds.
progress-deadline: "600s"
# Registries whose tags are run as they are written, comma separated.
registries-skipping-tag-resolving: "kind.local,ko.local,dev.local"
digest-resolution-timeout: "10s"
# Or "none".
default-affinity-type: "prefer-spread-revision-over-nodes"
# A pod that cannot be scheduled is waited for, and is no failure.
pod-is-always-schedulable: "false"
# A map of RuntimeClass names, each with the labels that a revision must have to get it.
runtime-class-name: ""
`,
  [domainConfigName]: `# A domain for every Route, in place of the installation's own:
#   example.com: ""
# A domain for Routes with a label:
#   example.org: |
#     selector:
#       team: shop
`,
  [networkConfigName]: `ingress-class: "knit.ingress.networking.knative.dev"
# Go templates: Name, Namespace, Domain, Labels and Annotations; Name and Tag.
domain-template: "{{.Name}}.{{.Namespace}}.{{.Domain}}"
tag-template: "{{.Tag}}-{{.Name}}"
# Seconds that traffic takes to move to a new revision; 0 = at once.
rollout-duration: "0"
# Whether a DomainMapping claims its name by itself.
autocreate-cluster-domain-claims: "true"
default-external-scheme: "http"
# Enabled, or Redirected to HTTPS.
http-protocol: "Enabled"
`,
  [observabilityConfigName]: `# Becomes status.logUrl of a Revision; \${REVISION_UID} stands for its uid.
logging.revision-url-template: ""
`,
  [featuresConfigName]: `# Each is Enabled, Allowed (the field may be set, and that is all) or Disabled.
${Object.entries(defaultFeatures)
  .map(([key, flag]) => `${key}: "${flag}"`)
  .join('\n')}
`,
};

export const makeConfigMaps = (): readonly ConfigMap[] =>
  Object.entries(examples).map(([name, example]) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name,
      namespace: systemNamespace,
      labels: { 'app.kubernetes.io/name': 'knative-serving' },
      annotations: { [exampleChecksumKey]: exampleChecksum(example) },
    },
    data: { [exampleKey]: example },
  }));

/** Creates those that are missing; one that is there is the user's. */
export async function createConfigMaps(client: KubeClient): Promise<void> {
  for (const configMap of makeConfigMaps()) {
    try {
      await client.create(configMapKind, configMap);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
