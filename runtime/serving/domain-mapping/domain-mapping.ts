/**
 * What a DomainMapping needs next: the claim to its name, which is the whole cluster's, the target
 * that it stands for, and an Ingress. The target must be a Service or Route of Knative.
 * Source: knative.dev/serving pkg/reconciler/domainmapping/reconciler.go, v1beta1/domainmapping_lifecycle.go.
 */
import type { Conditions } from '../../apis/meta/condition.ts';
import {
  getCondition,
  markFalse,
  markTrue,
  markTrueWithReason,
  markUnknown,
  mirrorCondition,
} from '../../apis/meta/condition.ts';
import { isControlledBy } from '../../apis/meta/object.ts';
import type { ClusterDomainClaim, HTTPIngressPath, Ingress } from '../../apis/networking/types.ts';
import { clusterDomainClaimKind, ingressKind } from '../../apis/networking/types.ts';
import {
  certificateProvisioned,
  domainClaimed,
  domainMappingConditions,
  ingressReady,
  referenceResolved,
} from '../../apis/serving/conditions.ts';
import { clusterDomain } from '../../apis/serving/names.ts';
import type { DomainMapping, Route, Service } from '../../apis/serving/types.ts';
import { domainMappingKind } from '../../apis/serving/types.ts';
import type { PlannedEvent } from '../../kube/event-recorder.ts';
import type { Action, Plan } from '../../kube/plan.ts';
import { emptyPlan } from '../../kube/plan.ts';
import { childUpdate } from '../child.ts';
import type { ServingConfig } from '../serving-config.ts';
import { beginConditions, isObserved, statusActions, timestamp } from '../status.ts';
import { makeMappingIngress } from './make-ingress.ts';

export interface ObservedDomainMapping {
  readonly mapping: DomainMapping;
  readonly claim: ClusterDomainClaim | undefined;
  /** What the reference names, if it is a Service or Route of Knative. */
  readonly target: Service | Route | undefined;
  /** The Ingress of the target's Route. */
  readonly targetIngress: Ingress | undefined;
  /** The Ingress under our own name, ours or not. */
  readonly ingress: Ingress | undefined;
}

export const domainMappingFinalizer = 'domainmappings.serving.knative.dev';

const set = domainMappingConditions;
const HTTP_PORT = 80;

/** A plan under construction: each step adds to it. */
interface Draft {
  readonly observed: ObservedDomainMapping;
  readonly config: ServingConfig;
  readonly now: string;
  conditions: Conditions;
  readonly actions: Action[];
  readonly events: PlannedEvent[];
}

export function planDomainMapping(
  observed: ObservedDomainMapping,
  config: ServingConfig,
  nowMs: number,
): Plan {
  const { mapping } = observed;
  if (mapping.metadata.deletionTimestamp) return planFinalization(observed, config);
  // Alone, and first: what is claimed must not outlive the mapping.
  const finalizer = finalizerActions(mapping, true);
  if (finalizer.length > 0) return { actions: finalizer, events: [] };
  const now = timestamp(nowMs);
  const draft: Draft = {
    observed,
    config,
    now,
    conditions: beginConditions(set, mapping, now),
    actions: [],
    events: [],
  };
  if (!isObserved(mapping)) draft.conditions = markNotConfigured(draft.conditions, now);
  const error = planSteps(draft);
  const url = urlOf(mapping, config);
  const status = {
    ...mapping.status,
    url,
    address: { url },
    conditions: [...draft.conditions],
  };
  return {
    actions: [...draft.actions, ...statusActions(domainMappingKind, mapping, status)],
    events: draft.events,
    error,
  };
}

function urlOf({ metadata, spec }: DomainMapping, config: ServingConfig): string {
  if (spec.tls) return `https://${metadata.name}`;
  const port = config.externalPort === HTTP_PORT ? '' : `:${config.externalPort}`;
  return `${config.network.defaultExternalScheme}://${metadata.name}${port}`;
}

/** Each step needs the one before. Returns why it cannot go on. */
function planSteps(draft: Draft): Error | undefined {
  const claimError = planClaim(draft);
  if (claimError) return claimError;
  markCertificate(draft);
  const fault = referenceFault(draft.observed);
  if (fault !== undefined) {
    draft.conditions = markFalse(set, draft.conditions, referenceResolved, {
      reason: 'ResolveFailed',
      message: fault,
      now: draft.now,
    });
    return new Error(`resolving reference: ${fault}`);
  }
  draft.conditions = markTrue(set, draft.conditions, referenceResolved, draft.now);
  return planIngress(draft);
}

/** Whoever claims a name first has it, in all namespaces. */
function planClaim(draft: Draft): Error | undefined {
  const { observed, config, now } = draft;
  const { mapping, claim } = observed;
  const { name, namespace = '' } = mapping.metadata;
  const isOurs = claim ? claim.spec.namespace === namespace : undefined;
  if (isOurs === false || (!claim && !config.network.autocreateClusterDomainClaims)) {
    draft.conditions = markFalse(set, draft.conditions, domainClaimed, {
      reason: 'DomainAlreadyClaimed',
      message: 'The domain name is already in use by another DomainMapping',
      now,
    });
    return new Error(
      claim
        ? `namespace "${namespace}" does not own ClusterDomainClaim for "${name}"`
        : `no ClusterDomainClaim found for domain "${name}" (and autocreate-cluster-domain-claims property is not true)`,
    );
  }
  if (!claim)
    draft.actions.push({
      type: 'create',
      kind: clusterDomainClaimKind,
      object: {
        apiVersion: 'networking.internal.knative.dev/v1alpha1',
        kind: 'ClusterDomainClaim',
        metadata: { name },
        spec: { namespace },
      } as ClusterDomainClaim,
    });
  draft.conditions = markTrue(set, draft.conditions, domainClaimed, now);
  return undefined;
}

function markCertificate(draft: Draft): void {
  const isProvided = draft.observed.mapping.spec.tls !== undefined;
  draft.conditions = markTrueWithReason(set, draft.conditions, certificateProvisioned, {
    reason: isProvided ? 'CertificateExternallyProvided' : 'TLSNotEnabled',
    message: isProvided
      ? 'TLS certificate was provided externally'
      : 'external-domain-tls is not enabled',
    now: draft.now,
  });
}

/** Why the reference leads to no host `<name>.<namespace>.svc.<cluster domain>` of this namespace. */
function referenceFault({ mapping, target }: ObservedDomainMapping): string | undefined {
  const { apiVersion = '', kind = '', name = '', namespace = '' } = mapping.spec.ref;
  const isKnown =
    apiVersion.startsWith('serving.knative.dev/') && (kind === 'Service' || kind === 'Route');
  if (!isKnown)
    return `${apiVersion} ${kind} "${name}" is not addressable here: refer to a Service or Route of serving.knative.dev`;
  const plural = `${kind.toLowerCase()}s.serving.knative.dev`;
  if (!target) return `failed to get object ${namespace}/${name}: ${plural} "${name}" not found`;
  const url = target.status?.address?.url;
  if (!url) return `address not set for ${plural} "${name}"`;
  const suffix = `.${namespace}.svc.${clusterDomain}`;
  return new URL(url).hostname.endsWith(suffix)
    ? undefined
    : `resolved URI "${url}" must be of the form {name}.{namespace}.svc.${clusterDomain}`;
}

function planIngress(draft: Draft): Error | undefined {
  const { observed, config, now } = draft;
  const { mapping, ingress } = observed;
  const paths = targetPathsOf(observed);
  if (!paths) {
    draft.conditions = markNotConfigured(draft.conditions, now);
    return undefined;
  }
  if (ingress && !isControlledBy(ingress, mapping)) {
    draft.conditions = markFalse(set, draft.conditions, ingressReady, {
      reason: 'NotOwned',
      message: `There is an existing Ingress "${ingress.metadata.name}" that we do not own.`,
      now,
    });
    return new Error(
      `domain mapping "${mapping.metadata.name}" does not own Ingress "${ingress.metadata.name}"`,
    );
  }
  const desired = makeMappingIngress(mapping, paths, config);
  const changes: readonly Action[] = ingress
    ? childUpdate(ingressKind, ingress, desired)
    : [{ type: 'create', kind: ingressKind, object: desired }];
  if (!ingress)
    draft.events.push({
      object: mapping,
      type: 'Normal',
      reason: 'Created',
      message: `Created Ingress "${desired.metadata.name}"`,
    });
  draft.actions.push(...changes);
  const condition = getCondition(ingress?.status?.conditions, 'Ready');
  draft.conditions =
    ingress && condition && changes.length === 0 && isObserved(ingress)
      ? mirrorCondition(set, draft.conditions, ingressReady, { condition, now })
      : markNotConfigured(draft.conditions, now);
  return undefined;
}

/** How the target is reached from inside; undefined while it is not. */
function targetPathsOf({
  target,
  targetIngress,
}: ObservedDomainMapping): readonly HTTPIngressPath[] | undefined {
  const host = new URL(target?.status?.address?.url ?? 'http://none').hostname;
  return targetIngress?.spec.rules.find(
    ({ visibility, hosts }) => visibility === 'ClusterLocal' && hosts.includes(host),
  )?.http.paths;
}

const markNotConfigured = (conditions: Conditions, now: string): Conditions =>
  markUnknown(set, conditions, ingressReady, {
    reason: 'IngressNotConfigured',
    message: 'Ingress has not yet been reconciled.',
    now,
  });

/** The claim goes with the mapping, if it was made for it and is its namespace's. */
function planFinalization({ mapping, claim }: ObservedDomainMapping, config: ServingConfig): Plan {
  if (!mapping.metadata.finalizers?.includes(domainMappingFinalizer)) return emptyPlan;
  const isOurs =
    config.network.autocreateClusterDomainClaims &&
    claim !== undefined &&
    claim.spec.namespace === mapping.metadata.namespace;
  return {
    actions: [
      ...(isOurs
        ? [
            {
              type: 'delete',
              kind: clusterDomainClaimKind,
              namespace: '',
              name: claim.metadata.name,
              uid: claim.metadata.uid,
            } satisfies Action,
          ]
        : []),
      ...finalizerActions(mapping, false),
    ],
    events: [],
  };
}

function finalizerActions({ metadata }: DomainMapping, isWanted: boolean): readonly Action[] {
  const { finalizers = [], namespace = '', name, resourceVersion } = metadata;
  if (finalizers.includes(domainMappingFinalizer) === isWanted) return [];
  const others = finalizers.filter((finalizer) => finalizer !== domainMappingFinalizer);
  const next = isWanted ? [...others, domainMappingFinalizer] : others;
  return [
    {
      type: 'patch',
      kind: domainMappingKind,
      namespace,
      name,
      patchType: 'merge',
      body: { metadata: { finalizers: next, ...(resourceVersion ? { resourceVersion } : {}) } },
    },
  ];
}
