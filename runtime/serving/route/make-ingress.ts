/** The Ingress of a Route. Source: knative.dev/serving pkg/reconciler/route/resources/ingress.go. */
import { controllerRef } from '../../apis/meta/object.ts';
import type { Ingress, IngressBackendSplit, IngressRule } from '../../apis/networking/types.ts';
import {
  ingressClassAnnotationKey,
  knitIngressClass,
  lastAppliedAnnotationKey,
  rolloutDurationAlternateKey,
  rolloutDurationAnnotationKey,
  routeLabelKey,
  routeNamespaceLabelKey,
} from '../../apis/serving/labels.ts';
import { ingressName } from '../../apis/serving/names.ts';
import type { Route } from '../../apis/serving/types.ts';
import { omitKeys } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { isClusterLocal, localHosts, publicHost } from './hosts.ts';
import type { Split } from './traffic.ts';

/** Ports of a revision's Kubernetes Service, by the protocol that its container speaks. */
const servicePorts = { http1: 80, h2c: 81 } as const;

export function makeIngress(
  route: Route,
  splits: ReadonlyMap<string, readonly Split[]>,
  config: ServingConfig,
): Ingress {
  const { name, namespace = '', labels, annotations } = route.metadata;
  return {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'Ingress',
    metadata: {
      name: ingressName(name),
      namespace,
      labels: { ...labels, [routeLabelKey]: name, [routeNamespaceLabelKey]: namespace },
      annotations: {
        [ingressClassAnnotationKey]: knitIngressClass,
        ...omitKeys(
          annotations,
          lastAppliedAnnotationKey,
          rolloutDurationAnnotationKey,
          rolloutDurationAlternateKey,
        ),
      },
      ownerReferences: [controllerRef(route)],
    },
    spec: {
      httpOption: 'Enabled',
      rules: [...splits].flatMap(([tag, ofTag]) => makeRules(route, tag, ofTag, config)),
    },
  };
}

function makeRules(
  route: Route,
  tag: string,
  splits: readonly Split[],
  config: ServingConfig,
): IngressRule[] {
  const namespace = route.metadata.namespace ?? '';
  const http = { paths: [{ splits: splits.map((split) => makeSplit(split, namespace)) }] };
  const local: IngressRule = { hosts: localHosts(route, tag), visibility: 'ClusterLocal', http };
  if (isClusterLocal(route)) return [local];
  return [local, { hosts: [publicHost(route, tag, config)], visibility: 'ExternalIP', http }];
}

const makeSplit = (split: Split, namespace: string): IngressBackendSplit => ({
  serviceName: split.revisionName,
  serviceNamespace: namespace,
  servicePort: servicePorts[split.protocol],
  percent: split.percent,
  appendHeaders: {
    'Knative-Serving-Namespace': namespace,
    'Knative-Serving-Revision': split.revisionName,
  },
});
