/** serving.knative.dev/v1: the shapes. Defaults, validation and conditions are in the files beside this one. */
import type { PodSpec } from '../core/types.ts';
import type { Condition } from '../meta/condition.ts';
import type { KubeObject, ObjectMeta, ResourceKind } from '../meta/object.ts';

export interface RevisionSpec extends PodSpec {
  /** 0 = unlimited; 1..1000 is a hard limit per pod. */
  containerConcurrency?: number;
  timeoutSeconds?: number;
  responseStartTimeoutSeconds?: number;
  idleTimeoutSeconds?: number;
}

export interface RevisionTemplateSpec {
  metadata?: Partial<Pick<ObjectMeta, 'name' | 'labels' | 'annotations'>>;
  spec: RevisionSpec;
}

export interface TrafficTarget {
  tag?: string;
  revisionName?: string;
  configurationName?: string;
  latestRevision?: boolean;
  percent?: number;
  url?: string;
}

export interface StatusBase {
  observedGeneration?: number;
  conditions?: Condition[];
  annotations?: Record<string, string>;
}

export interface Service extends KubeObject {
  spec: { template: RevisionTemplateSpec; traffic?: TrafficTarget[] };
  status?: StatusBase & {
    latestCreatedRevisionName?: string;
    latestReadyRevisionName?: string;
    url?: string;
    address?: { url: string };
    traffic?: TrafficTarget[];
  };
}

export interface Configuration extends KubeObject {
  spec: { template: RevisionTemplateSpec };
  status?: StatusBase & { latestCreatedRevisionName?: string; latestReadyRevisionName?: string };
}

export interface Revision extends KubeObject {
  spec: RevisionSpec;
  status?: StatusBase & {
    logUrl?: string;
    containerStatuses?: { name: string; imageDigest?: string }[];
    initContainerStatuses?: { name: string; imageDigest?: string }[];
    actualReplicas?: number;
    desiredReplicas?: number;
  };
}

export interface Route extends KubeObject {
  spec: { traffic?: TrafficTarget[] };
  status?: StatusBase & { url?: string; address?: { url: string }; traffic?: TrafficTarget[] };
}

/** serving.knative.dev/v1beta1: a host name of one's own for an addressable object; its name is the host. */
export interface DomainMapping extends KubeObject {
  spec: {
    ref: { apiVersion?: string; kind?: string; name?: string; namespace?: string; group?: string };
    tls?: { secretName: string };
  };
  status?: StatusBase & { url?: string; address?: { url: string } };
}

const serving = <T extends KubeObject>(kind: string, plural: string): ResourceKind<T> => ({
  group: 'serving.knative.dev',
  version: 'v1',
  kind,
  plural,
  namespaced: true,
});

export const serviceKind = serving<Service>('Service', 'services');
export const configurationKind = serving<Configuration>('Configuration', 'configurations');
export const revisionKind = serving<Revision>('Revision', 'revisions');
export const routeKind = serving<Route>('Route', 'routes');

export const domainMappingKind: ResourceKind<DomainMapping> = {
  ...serving<DomainMapping>('DomainMapping', 'domainmappings'),
  version: 'v1beta1',
};
