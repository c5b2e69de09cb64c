/**
 * The core Service that gives a target its name inside: an ExternalName to the gateway, which knows
 * the target by the Host header. Source: knative.dev/serving pkg/reconciler/route/resources/service.go.
 */
import type { CoreService } from '../../apis/core/types.ts';
import { controllerRef } from '../../apis/meta/object.ts';
import {
  lastAppliedAnnotationKey,
  routeLabelKey,
  visibilityLabelKey,
} from '../../apis/serving/labels.ts';
import type { Route } from '../../apis/serving/types.ts';
import { omitKeys } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { targetName } from './hosts.ts';

export function makePlaceholderService(
  route: Route,
  tag: string,
  config: ServingConfig,
): CoreService {
  const { name, namespace, labels, annotations } = route.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: targetName(route, tag, config),
      namespace: namespace ?? '',
      labels: { ...omitKeys(labels, visibilityLabelKey), [routeLabelKey]: name },
      annotations: omitKeys(annotations, lastAppliedAnnotationKey),
      ownerReferences: [controllerRef(route)],
    },
    spec: {
      type: 'ExternalName',
      externalName: config.gatewayServiceHost,
      sessionAffinity: 'None',
      ports: [{ name: 'http2', port: 80, targetPort: 80, protocol: 'TCP' }],
    },
  };
}
