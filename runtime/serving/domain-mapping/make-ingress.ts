/**
 * The Ingress of a DomainMapping: the paths of the target Route's own Ingress, under another host, so
 * that a mapped request takes one hop as any other. Source: knative.dev/serving
 * pkg/reconciler/domainmapping/resources/ingress.go (with direct route traffic).
 */
import { childName } from '../../apis/meta/child-name.ts';
import { controllerRef } from '../../apis/meta/object.ts';
import type { HTTPIngressPath, Ingress } from '../../apis/networking/types.ts';
import {
  domainMappingNamespaceLabelKey,
  domainMappingUidLabelKey,
  ingressClassAnnotationKey,
  lastAppliedAnnotationKey,
  rolloutDurationAlternateKey,
  rolloutDurationAnnotationKey,
} from '../../apis/serving/labels.ts';
import type { DomainMapping } from '../../apis/serving/types.ts';
import { omitKeys } from '../child.ts';
import { httpOptionOf } from '../route/make-ingress.ts';
import type { ServingConfig } from '../serving-config.ts';

/** Tells the target by which name it was asked for. */
const originalHostHeader = 'K-Original-Host';

/** Names of Ingresses are as long as any label; a host may be longer. */
export const mappingIngressName = (host: string): string => childName(host, '');

export function makeMappingIngress(
  mapping: DomainMapping,
  targetPaths: readonly HTTPIngressPath[],
  config: ServingConfig,
): Ingress {
  const { name, namespace = '', uid = '', labels, annotations } = mapping.metadata;
  const paths = targetPaths.map(({ rewriteHost: _host, ...path }) => ({
    ...path,
    splits: path.splits.map((split) => ({
      ...split,
      appendHeaders: { ...split.appendHeaders, [originalHostHeader]: name },
    })),
  }));
  const { tls } = mapping.spec;
  return {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'Ingress',
    metadata: {
      name: mappingIngressName(name),
      namespace,
      labels: {
        ...labels,
        [domainMappingUidLabelKey]: uid,
        [domainMappingNamespaceLabelKey]: namespace,
      },
      annotations: {
        [ingressClassAnnotationKey]: config.network.ingressClass,
        ...omitKeys(
          annotations,
          lastAppliedAnnotationKey,
          rolloutDurationAnnotationKey,
          rolloutDurationAlternateKey,
        ),
      },
      ownerReferences: [controllerRef(mapping)],
    },
    spec: {
      httpOption: httpOptionOf(annotations, config),
      ...(tls
        ? { tls: [{ hosts: [name], secretName: tls.secretName, secretNamespace: namespace }] }
        : {}),
      rules: [{ hosts: [name], visibility: 'ExternalIP', http: { paths } }],
    },
  };
}
