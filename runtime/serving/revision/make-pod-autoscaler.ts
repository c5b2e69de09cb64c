/** The PodAutoscaler of a Revision. Source: knative.dev/serving pkg/reconciler/revision/resources/pa.go. */
import type { PodAutoscaler } from '../../apis/autoscaling/types.ts';
import { controllerRef } from '../../apis/meta/object.ts';
import { servingContainerIndex } from '../../apis/serving/default-revision-spec.ts';
import { routingStateLabelKey } from '../../apis/serving/labels.ts';
import { deploymentName, podAutoscalerName } from '../../apis/serving/names.ts';
import type { Revision } from '../../apis/serving/types.ts';
import { revisionAnnotations, revisionLabels } from './make-deployment.ts';

export type Reachability = '' | 'Reachable' | 'Unreachable';

export function makePodAutoscaler(revision: Revision, reachability: Reachability): PodAutoscaler {
  const { name, namespace } = revision.metadata;
  const { containers, containerConcurrency } = revision.spec;
  const port = containers[servingContainerIndex(containers)]?.ports?.[0];
  return {
    apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
    kind: 'PodAutoscaler',
    metadata: {
      name: podAutoscalerName(name),
      namespace: namespace ?? '',
      labels: revisionLabels(revision),
      annotations: revisionAnnotations(revision),
      ownerReferences: [controllerRef(revision)],
    },
    spec: {
      containerConcurrency: containerConcurrency ?? 0,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deploymentName(name) },
      reachability,
      protocolType: port?.name === 'h2c' ? 'h2c' : 'http1',
    },
  };
}

/**
 * Whether traffic can reach the revision. One whose pods cannot run counts as unreachable, so that
 * min-scale does not keep what never works.
 */
export function reachabilityOf(revision: Revision, isBroken: boolean): Reachability {
  if (isBroken) return 'Unreachable';
  switch (revision.metadata.labels?.[routingStateLabelKey]) {
    case 'active':
      return 'Reachable';
    case 'reserve':
      return 'Unreachable';
    default:
      return '';
  }
}
