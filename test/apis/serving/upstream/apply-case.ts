/** One change to an object that is fine, as data for upstream's program and for ours. */
export interface UpstreamCase {
  readonly title: string;
  readonly kind: 'Service' | 'Configuration' | 'Route' | 'Revision' | 'DomainMapping' | 'ConfigMap';
  readonly object?: object;
  /** The object before; absent on create. */
  readonly old?: object;
  readonly user?: string;
  /** ConfigMaps in force, by name. */
  readonly configs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const podSpec = { containers: [{ image: 'knit.local/hello' }] };
const specs = {
  Service: { template: { spec: podSpec } },
  Configuration: { template: { spec: podSpec } },
  Route: { traffic: [{ configurationName: 'hello', percent: 100 }] },
  Revision: podSpec,
  DomainMapping: { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'hello' } },
} as const;

/** `change` merges objects, or replaces lists, at dotted paths. */
export function applyCase(
  kind: keyof typeof specs,
  title: string,
  change: object,
  more: Partial<UpstreamCase> = {},
): UpstreamCase {
  const name = kind === 'DomainMapping' ? 'hello.example.com' : 'hello';
  const object = structuredClone({
    apiVersion: kind === 'DomainMapping' ? 'serving.knative.dev/v1beta1' : 'serving.knative.dev/v1',
    kind,
    metadata: { name, namespace: 'ns' },
    spec: specs[kind],
  }) as Record<string, unknown>;
  for (const [path, value] of Object.entries(change)) mergeAt(object, path.split('.'), value);
  return { title: `${kind}: ${title}`, kind, object, ...more };
}

function mergeAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [field = '', ...rest] = path;
  if (rest.length > 0) {
    target[field] ??= {};
    mergeAt(target[field] as Record<string, unknown>, rest, value);
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value))
    target[field] = { ...(target[field] as object | undefined), ...value };
  else target[field] = value;
}
