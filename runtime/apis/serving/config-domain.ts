/**
 * The ConfigMap `config-domain`: the domains that Routes may live under, each with the labels that a
 * Route must have. Source: knative.dev/serving pkg/reconciler/route/config/domain.go.
 */
import type { BlockMap } from '../meta/block-map.ts';
import { parseBlockMap } from '../meta/block-map.ts';
import type { ConfigMapData } from '../meta/config-map-reader.ts';

export const domainConfigName = 'config-domain';

/** Labels that a Route must have, by domain. No labels = the default domain. */
export type DomainConfig = ReadonlyMap<string, Readonly<Record<string, string>>>;

/** `fallback` is the domain of Routes that no entry fits, where there is no default entry. */
export function parseDomainConfig(
  data: ConfigMapData,
  fallback: string,
): { readonly domains: DomainConfig; readonly errors: readonly string[] } {
  const domains = new Map<string, Readonly<Record<string, string>>>();
  const errors: string[] = [];
  for (const [domain, text] of Object.entries(data ?? {})) {
    if (domain === '_example') continue;
    try {
      domains.set(domain, selectorOf(parseBlockMap(text)));
    } catch (error) {
      errors.push(`error converting YAML to JSON: ${(error as Error).message}`);
    }
  }
  const hasDefault = [...domains.values()].some((labels) => Object.keys(labels).length === 0);
  if (errors.length > 0) return { domains: new Map([[fallback, {}]]), errors };
  if (!hasDefault) domains.set(fallback, {});
  return { domains, errors };
}

function selectorOf({ selector }: BlockMap): Readonly<Record<string, string>> {
  if (selector === undefined || selector === '') return {};
  if (typeof selector === 'string' || Object.values(selector).some((it) => typeof it !== 'string'))
    throw new SyntaxError('yaml: the selector is no map of strings');
  return selector as Readonly<Record<string, string>>;
}

/** The most specific domain that fits; of equals, the one that sorts first. */
export function domainFor(domains: DomainConfig, labels: Readonly<Record<string, string>>): string {
  const fitting = [...domains]
    .filter(([, selector]) =>
      Object.entries(selector).every(([key, value]) => labels[key] === value),
    )
    .sort(
      ([a, aLabels], [b, bLabels]) =>
        Object.keys(bLabels).length - Object.keys(aLabels).length || (a < b ? -1 : 1),
    );
  return fitting[0]?.[0] ?? '';
}
