/**
 * The Ingress of a Route: for each target a rule for the names inside and, where it is public, one
 * for its host outside. Source: knative.dev/serving pkg/reconciler/route/resources/ingress.go.
 */
import { controllerRef } from '../../apis/meta/object.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackendSplit,
  IngressRule,
} from '../../apis/networking/types.ts';
import {
  httpProtocolAlternateKey,
  httpProtocolAnnotationKey,
  ingressClassAnnotationKey,
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
import { localHosts, publicHost } from './hosts.ts';
import type { Rollout } from './rollout.ts';
import { rolloutAnnotationKey } from './rollout.ts';
import type { Split } from './traffic.ts';

/** Ports of a revision's Kubernetes Service, by the protocol that its container speaks. */
const servicePorts = { http1: 80, h2c: 81 } as const;
const tagToHostKey = 'networking.internal.knative.dev/tag-to-host';
/** A client names a tag in it; with tag hosts, and for pods, it says which tag was served. */
const tagHeader = 'Knative-Serving-Tag';
const defaultRouteHeader = 'Knative-Serving-Default-Route';

export interface IngressTarget {
  readonly tag: string;
  readonly isLocal: boolean;
  readonly splits: readonly Split[];
}

/** `targets` are sorted by tag, the main one first. */
export function makeIngress(
  route: Route,
  targets: readonly IngressTarget[],
  options: { readonly rollout: Rollout; readonly config: ServingConfig },
): Ingress {
  const { rollout, config } = options;
  const { name, namespace = '', labels, annotations } = route.metadata;
  const tagToHost = tagHostsOf(route, targets, config);
  return {
    apiVersion: 'networking.internal.knative.dev/v1alpha1',
    kind: 'Ingress',
    metadata: {
      name: ingressName(name),
      namespace,
      labels: { ...labels, [routeLabelKey]: name, [routeNamespaceLabelKey]: namespace },
      annotations: {
        [ingressClassAnnotationKey]: config.network.ingressClass,
        [rolloutAnnotationKey]: JSON.stringify(rollout),
        ...omitKeys(
          annotations,
          lastAppliedAnnotationKey,
          rolloutDurationAnnotationKey,
          rolloutDurationAlternateKey,
        ),
        ...(Object.keys(tagToHost).length === 0
          ? {}
          : { [tagToHostKey]: JSON.stringify(tagToHost) }),
      },
      ownerReferences: [controllerRef(route)],
    },
    spec: {
      httpOption: httpOptionOf(annotations, config),
      rules: targets.flatMap((target) => makeRules(route, target, targets, config)),
    },
  };
}

/** By annotation, else by `config-network`. Its `disabled` is a legacy, and reads as the default. */
export function httpOptionOf(
  annotations: Readonly<Record<string, string>> | undefined,
  config: ServingConfig,
): 'Enabled' | 'Redirected' {
  const asked = annotations?.[httpProtocolAnnotationKey] ?? annotations?.[httpProtocolAlternateKey];
  const protocol = asked?.toLowerCase() ?? config.network.httpProtocol;
  return protocol === 'redirected' ? 'Redirected' : 'Enabled';
}

function tagHostsOf(
  route: Route,
  targets: readonly IngressTarget[],
  config: ServingConfig,
): Readonly<Record<string, readonly string[]>> {
  const hosts = targets
    .filter(({ tag }) => tag !== '')
    .map(({ tag, isLocal }): readonly [string, readonly string[]] => {
      const local = localHosts(route, tag, config).at(-1) ?? '';
      return [tag, isLocal ? [local] : [local, publicHost(route, tag, config)]];
    });
  return Object.fromEntries(hosts);
}

function makeRules(
  route: Route,
  target: IngressTarget,
  targets: readonly IngressTarget[],
  config: ServingConfig,
): IngressRule[] {
  const namespace = route.metadata.namespace ?? '';
  const http = { paths: makePaths(target, targets, { namespace, config }) };
  const hosts = localHosts(route, target.tag, config);
  const local: IngressRule = { hosts, visibility: 'ClusterLocal', http };
  if (target.isLocal) return [local];
  const external = [publicHost(route, target.tag, config)];
  return [local, { hosts: external, visibility: 'ExternalIP', http }];
}

function makePaths(
  { tag, splits }: IngressTarget,
  targets: readonly IngressTarget[],
  options: { readonly namespace: string; readonly config: ServingConfig },
): HTTPIngressPath[] {
  const { namespace, config } = options;
  const pathTo = (given: readonly Split[]): HTTPIngressPath => ({
    splits: given.map((split) => makeSplit(split, namespace)),
  });
  if (config.features['tag-header-based-routing'] !== 'Enabled') return [pathTo(splits)];
  if (tag !== '') return [{ ...pathTo(splits), appendHeaders: { [tagHeader]: tag } }];
  return [
    ...targets
      .filter((other) => other.tag !== '')
      .map((other) => ({
        ...pathTo(other.splits),
        headers: { [tagHeader]: { exact: other.tag } },
      })),
    { ...pathTo(splits), appendHeaders: { [defaultRouteHeader]: 'true' } },
  ];
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
