/**
 * Names of everything that Serving derives from a Service, Configuration, Revision or Route.
 * Source: knative.dev/serving pkg/reconciler/{service,configuration,revision,route}/resources/names.
 */
import { childName } from '../meta/child-name.ts';

/** A Service's Configuration and Route carry its own name. */
export const configurationName = (service: string): string => service;
export const routeName = (service: string): string => service;

/** `hello-00001`: the Configuration's name and its generation, five digits at least. */
export const revisionName = (configuration: string, generation: number): string =>
  childName(configuration, `-${String(generation).padStart(5, '0')}`);

export const deploymentName = (revision: string): string => childName(revision, '-deployment');
export const podAutoscalerName = (revision: string): string => revision;
/** The Kubernetes Service that stands for a revision's pods behind the autoscaler's switch. */
export const privateServiceName = (revision: string): string => childName(revision, '-private');
export const ingressName = (route: string): string => route;

/** First label of a traffic target's host: `hello`, or `<tag>-hello`. Also the name of its placeholder Service. */
export const targetHostName = (route: string, tag: string): string =>
  tag === '' ? route : `${tag}-${route}`;

export const clusterDomain = 'cluster.local';
/** `hello.ns.svc.cluster.local` */
export const clusterLocalHost = (name: string, namespace: string): string =>
  `${name}.${namespace}.svc.${clusterDomain}`;
