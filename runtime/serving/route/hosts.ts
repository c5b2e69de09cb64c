/**
 * Hosts and URLs of a Route's targets: names by the templates of `config-network`, domains by the
 * labels of `config-domain`, and who may see them.
 * Source: knative.dev/serving pkg/reconciler/route/{domains/domains,visibility/visibility}.go.
 */
import type { CoreService } from '../../apis/core/types.ts';
import { parseTemplate } from '../../apis/meta/go-template.ts';
import { domainFor } from '../../apis/serving/config-domain.ts';
import { clusterLocalVisibility, visibilityLabelKey } from '../../apis/serving/labels.ts';
import { dns1123LabelFaults } from '../../apis/serving/name-faults.ts';
import { clusterDomain, clusterLocalHost } from '../../apis/serving/names.ts';
import type { Route } from '../../apis/serving/types.ts';
import type { ServingConfig } from '../serving-config.ts';

const HTTP_PORT = 80;
const HOST_LENGTH_MAX = 253;
const clusterLocalDomain = `svc.${clusterDomain}`;

/** A template of the configuration makes no host of this Route. */
export class HostError extends Error {
  constructor(message: string) {
    super(`domain name error: ${message}`);
    this.name = 'HostError';
  }
}

/** First label of a target's host, and name of its placeholder Service. @throws {HostError} */
export function targetName(route: Route, tag: string, config: ServingConfig): string {
  const { name } = route.metadata;
  if (tag === '') return name;
  try {
    return parseTemplate(config.network.tagTemplate)({ Name: name, Tag: tag });
  } catch (error) {
    throw new HostError(`error executing the TagTemplate: ${(error as Error).message}`);
  }
}

/** Whether the Route as a whole is kept from the external listener, by its label or its domain. */
const isRouteLocal = ({ metadata }: Route, config: ServingConfig): boolean =>
  metadata.labels?.[visibilityLabelKey] === clusterLocalVisibility ||
  domainFor(config.domains, metadata.labels ?? {}) === clusterLocalDomain;

/** As the Route, or by the label that somebody has put on the placeholder Service of that target alone. */
export function isTargetLocal(
  route: Route,
  tag: string,
  options: { readonly services: readonly CoreService[]; readonly config: ServingConfig },
): boolean {
  const { services, config } = options;
  if (isRouteLocal(route, config)) return true;
  const name = targetName(route, tag, config);
  const placeholder = services.find(({ metadata }) => metadata.name === name);
  return (placeholder?.metadata.labels?.[visibilityLabelKey] ?? '') !== '';
}

/** `hello.ns.example.com`, or `tag-hello.ns.example.com`. @throws {HostError} */
export function publicHost(route: Route, tag: string, config: ServingConfig): string {
  const { namespace = '', labels = {}, annotations = {} } = route.metadata;
  let host: string;
  try {
    host = parseTemplate(config.network.domainTemplate)({
      Name: targetName(route, tag, config),
      Namespace: namespace,
      Domain: domainFor(config.domains, labels),
      Annotations: annotations,
      Labels: labels,
    });
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError(`error executing the DomainTemplate: ${(error as Error).message}`);
  }
  const fault = host
    .split('.')
    .flatMap((label) =>
      dns1123LabelFaults(label).map((why) => `${JSON.stringify(label)}: ${why}`),
    )[0];
  if (fault !== undefined || host.length > HOST_LENGTH_MAX)
    throw new HostError(
      `invalid domain name ${JSON.stringify(host)}: url: Invalid value: ${fault ?? `must be no more than ${HOST_LENGTH_MAX} characters`}`,
    );
  return host;
}

/** The names under which pods may call the target. */
export function localHosts(route: Route, tag: string, config: ServingConfig): string[] {
  const { namespace = '' } = route.metadata;
  const name = targetName(route, tag, config);
  return [`${name}.${namespace}`, `${name}.${namespace}.svc`, clusterLocalHost(name, namespace)];
}

/** Where a client finds the target. The port is written out unless it is 80, so that the URL works as it stands. */
export function targetUrl(
  route: Route,
  tag: string,
  options: { readonly isLocal: boolean; readonly config: ServingConfig },
): string {
  const { isLocal, config } = options;
  if (isLocal) return addressUrl(route, tag, config);
  const port = config.externalPort === HTTP_PORT ? '' : `:${config.externalPort}`;
  return `${config.network.defaultExternalScheme}://${publicHost(route, tag, config)}${port}`;
}

/** Where a pod finds the target. */
export const addressUrl = (route: Route, tag: string, config: ServingConfig): string =>
  `http://${clusterLocalHost(targetName(route, tag, config), route.metadata.namespace ?? '')}`;
