/**
 * The Configuration and the Route of a Service. Source: knative.dev/serving
 * pkg/reconciler/service/resources/{configuration,route}.go.
 */
import { controllerRef } from '../../apis/meta/object.ts';
import {
  lastAppliedAnnotationKey,
  rolloutDurationAlternateKey,
  rolloutDurationAnnotationKey,
  routesAnnotationKey,
  serviceLabelKey,
  serviceUidLabelKey,
} from '../../apis/serving/labels.ts';
import { configurationName, routeName } from '../../apis/serving/names.ts';
import type { Configuration, Route, Service } from '../../apis/serving/types.ts';
import { omitKeys } from '../child.ts';
import { joinRoutes, routesOf } from '../routes-annotation.ts';

/** `actual` contributes the Routes that others have put into its annotation. */
export function makeConfiguration(
  service: Service,
  actual: Configuration | undefined,
): Configuration {
  const { name, namespace, labels, annotations, uid } = service.metadata;
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Configuration',
    metadata: {
      name: configurationName(name),
      namespace: namespace ?? '',
      labels: { ...labels, [serviceLabelKey]: name, [serviceUidLabelKey]: uid ?? '' },
      annotations: {
        ...omitKeys(
          annotations,
          lastAppliedAnnotationKey,
          rolloutDurationAnnotationKey,
          rolloutDurationAlternateKey,
        ),
        // Announced before the Route exists, so that a new revision is born active and its
        // min-scale counts from the start.
        [routesAnnotationKey]: joinRoutes([...(actual ? routesOf(actual) : []), routeName(name)]),
      },
      ownerReferences: [controllerRef(service)],
    },
    spec: { template: service.spec.template },
  };
}

export function makeRoute(service: Service): Route {
  const { name, namespace, labels, annotations } = service.metadata;
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Route',
    metadata: {
      name: routeName(name),
      namespace: namespace ?? '',
      labels: { ...labels, [serviceLabelKey]: name },
      annotations: omitKeys(annotations, lastAppliedAnnotationKey),
      ownerReferences: [controllerRef(service)],
    },
    spec: {
      traffic: (service.spec.traffic ?? []).map((target) =>
        target.revisionName ? target : { ...target, configurationName: configurationName(name) },
      ),
    },
  };
}
