/**
 * The ConfigMap `config-network`: how hosts are named and how traffic moves. Settings of TLS by
 * certificate controllers are read and validated, and have no effect: there is no such controller.
 * Source: knative.dev/networking pkg/config/config.go.
 */
import { parseBlockMap } from '../meta/block-map.ts';
import type { ConfigMapData } from '../meta/config-map-reader.ts';
import { ConfigMapReader } from '../meta/config-map-reader.ts';
import { parseTemplate } from '../meta/go-template.ts';
import { knitIngressClass } from './labels.ts';

export const networkConfigName = 'config-network';

export interface NetworkConfig {
  /** Class of an Ingress whose Route names none. */
  readonly ingressClass: string;
  /** Go template over Name, Namespace, Domain, Labels and Annotations. */
  readonly domainTemplate: string;
  /** Go template over Name and Tag. */
  readonly tagTemplate: string;
  /** How long traffic takes to move to a new revision; 0 = at once. */
  readonly rolloutDurationSeconds: number;
  /** Whether a DomainMapping claims its name by itself. */
  readonly autocreateClusterDomainClaims: boolean;
  readonly defaultExternalScheme: string;
  readonly httpProtocol: 'enabled' | 'disabled' | 'redirected';
}

/** Upstream's defaults, but for the class of our own gateway, and that names are claimed for you. */
export const defaultNetworkConfig: NetworkConfig = {
  ingressClass: knitIngressClass,
  domainTemplate: '{{.Name}}.{{.Namespace}}.{{.Domain}}',
  tagTemplate: '{{.Tag}}-{{.Name}}',
  rolloutDurationSeconds: 0,
  autocreateClusterDomainClaims: true,
  defaultExternalScheme: 'http',
  httpProtocol: 'enabled',
};

const protocols = ['enabled', 'disabled', 'redirected'] as const;

/** The first thing wrong is reported in upstream's words; then the defaults hold as a whole. */
export function parseNetworkConfig(data: ConfigMapData): {
  readonly config: NetworkConfig;
  readonly errors: readonly string[];
} {
  const reader = new ConfigMapReader(data);
  const base = defaultNetworkConfig;
  /** A key may be written in an older way; the present one wins. */
  const string = (key: string, alternate: string, fallback: string): string =>
    reader.string(key, reader.string(alternate, fallback));
  const ingressClass = string('ingress-class', 'ingress.class', base.ingressClass);
  const domainTemplate = string('domain-template', 'domainTemplate', base.domainTemplate);
  const tagTemplate = string('tag-template', 'tagTemplate', base.tagTemplate);
  const rolloutDurationSeconds = reader.int(
    'rollout-duration',
    reader.int('rolloutDuration', base.rolloutDurationSeconds),
  );
  const autocreateClusterDomainClaims = reader.bool(
    'autocreate-cluster-domain-claims',
    reader.bool('autocreateClusterDomainClaims', base.autocreateClusterDomainClaims),
  );
  const defaultExternalScheme = string(
    'default-external-scheme',
    'defaultExternalScheme',
    base.defaultExternalScheme,
  );
  reader.bool('enable-mesh-pod-addressability', false);
  reader.bool('internal-encryption', false);
  checkSelector(reader, data?.['namespace-wildcard-cert-selector']);
  if (rolloutDurationSeconds < 0)
    reader.fail(`rollout-duration must be a positive integer, but was ${rolloutDurationSeconds}`);
  checkDomainTemplate(reader, domainTemplate);
  checkTemplate(reader, tagTemplate, { Name: 'foo', Tag: 'v2' });
  const protocolText = data?.['http-protocol'] ?? data?.['httpProtocol'] ?? '';
  const httpProtocol =
    protocolText === ''
      ? base.httpProtocol
      : protocols.find((protocol) => protocol === protocolText.toLowerCase());
  if (httpProtocol === undefined)
    reader.fail(`httpProtocol ${protocolText} in config-network ConfigMap is not supported`);
  for (const key of ['system-internal-tls', 'cluster-local-domain-tls']) {
    const text = data?.[key] ?? '';
    if (!['', 'enabled', 'disabled'].includes(text.toLowerCase()))
      reader.fail(
        `${key} with value: ${JSON.stringify(text)} in config-network ConfigMap is not supported`,
      );
  }
  if (reader.error !== undefined) return { config: base, errors: [reader.error] };
  const config: NetworkConfig = {
    ingressClass,
    domainTemplate,
    tagTemplate,
    rolloutDurationSeconds,
    autocreateClusterDomainClaims,
    defaultExternalScheme,
    httpProtocol: httpProtocol ?? base.httpProtocol,
  };
  return { config, errors: [] };
}

function checkSelector(reader: ConfigMapReader, text: string | undefined): void {
  try {
    parseBlockMap(text ?? '');
  } catch (error) {
    reader.fail((error as Error).message);
  }
}

function checkDomainTemplate(reader: ConfigMapReader, template: string): void {
  const host = checkTemplate(reader, template, {
    Name: 'foo',
    Namespace: 'bar',
    Domain: 'baz.com',
    Annotations: {},
    Labels: {},
  });
  if (host === undefined) return;
  const slash = host.indexOf('/');
  const url = JSON.stringify(`https://${host}`);
  if (/^[^/]* /.test(host)) reader.fail(`parse ${url}: invalid character " " in host name`);
  if (host === '' || slash === 0) reader.fail('empty hostname');
  else if (slash > 0) reader.fail(`domain template has url path: ${host.slice(slash)}`);
}

function checkTemplate(
  reader: ConfigMapReader,
  template: string,
  data: Parameters<ReturnType<typeof parseTemplate>>[0],
): string | undefined {
  try {
    return parseTemplate(template)(data);
  } catch (error) {
    reader.fail((error as Error).message);
    return undefined;
  }
}
