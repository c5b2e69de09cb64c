/** The Revision of a Configuration's present generation. Source: knative.dev/serving pkg/reconciler/configuration/resources/revision.go. */
import { controllerRef } from '../../apis/meta/object.ts';
import { defaultRevisionSpec } from '../../apis/serving/default-revision-spec.ts';
import type { RoutingState } from '../../apis/serving/labels.ts';
import {
  configurationGenerationLabelKey,
  configurationLabelKey,
  configurationUidLabelKey,
  creatorAnnotationKey,
  lastModifierAnnotationKey,
  routesAnnotationKey,
  routingStateLabelKey,
  routingStateModifiedAnnotationKey,
  serviceLabelKey,
  serviceUidLabelKey,
} from '../../apis/serving/labels.ts';
import { revisionName } from '../../apis/serving/names.ts';
import type { Configuration, Revision } from '../../apis/serving/types.ts';
import { joinRoutes } from '../routes-annotation.ts';

export function makeRevision(
  configuration: Configuration,
  options: { readonly routes: readonly string[]; readonly now: string },
): Revision {
  const { name, namespace, uid, generation = 1, labels = {}, annotations } = configuration.metadata;
  const { template } = configuration.spec;
  const state: RoutingState = options.routes.length > 0 ? 'active' : 'pending';
  const creator = annotations?.[lastModifierAnnotationKey];
  return {
    apiVersion: 'serving.knative.dev/v1',
    kind: 'Revision',
    metadata: {
      name: template.metadata?.name || revisionName(name, generation),
      namespace: namespace ?? '',
      labels: {
        ...template.metadata?.labels,
        [configurationLabelKey]: name,
        [configurationUidLabelKey]: uid ?? '',
        [configurationGenerationLabelKey]: String(generation),
        [serviceLabelKey]: labels[serviceLabelKey] ?? '',
        [serviceUidLabelKey]: labels[serviceUidLabelKey] ?? '',
        [routingStateLabelKey]: state,
      },
      annotations: {
        ...template.metadata?.annotations,
        ...(creator === undefined ? {} : { [creatorAnnotationKey]: creator }),
        ...(options.routes.length === 0
          ? {}
          : { [routesAnnotationKey]: joinRoutes(options.routes) }),
        [routingStateModifiedAnnotationKey]: options.now,
      },
      ownerReferences: [controllerRef(configuration)],
    },
    spec: defaultRevisionSpec(template.spec),
  };
}
