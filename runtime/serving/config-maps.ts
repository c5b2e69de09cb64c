/**
 * The ConfigMaps of knative-serving as an installation finds them: no settings, and under `_example`
 * every key that is read, with its default, so that `kubectl edit` shows what there is to set. Keys
 * of Knative that Knit does not read are left out on purpose.
 */
import { autoscalerConfigName } from '../apis/autoscaling/config.ts';
import type { ConfigMap } from '../apis/core/types.ts';
import { configMapKind } from '../apis/core/types.ts';
import { servingDefaultsName } from '../apis/serving/config-defaults.ts';
import { isAlreadyExists } from '../kube/api-error.ts';
import type { KubeClient } from '../kube/client.ts';
import { deploymentConfigName, garbageCollectionConfigName } from './serving-config.ts';

export const systemNamespace = 'knative-serving';

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
    },
    data: { _example: example },
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
