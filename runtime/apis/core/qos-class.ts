/** A pod's quality of service class. Pure. Source: k8s.io/kubernetes pkg/apis/core/v1/helper/qos (behaviour). */
import type { PodSpec } from './types.ts';

/** `Guaranteed` when every container limits CPU and memory to what it requests, `BestEffort` when none asks for either. */
export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  let isGuaranteed = true;
  let isBestEffort = true;
  for (const list of [spec?.containers, spec?.initContainers])
    for (const container of Array.isArray(list) ? list : []) {
      const { limits = {}, requests = {} } = container?.resources ?? {};
      for (const resource of ['cpu', 'memory']) {
        const limit = limits[resource];
        const request = requests[resource] ?? limit;
        if (limit !== undefined || request !== undefined) isBestEffort = false;
        if (limit === undefined || limit !== request) isGuaranteed = false;
      }
    }
  if (isBestEffort) return 'BestEffort';
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
