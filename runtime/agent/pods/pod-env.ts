/**
 * A container's environment from its spec: literal values, keys of ConfigMaps and Secrets, fields of
 * the Pod, and `$(NAME)` references. Pure; values are never logged and appear in no error.
 */
import type { ConfigMap, Container, Pod, Secret } from '../../apis/core/types.ts';
import { StartError } from '../driver.ts';
import { parseQuantity } from '../quantity.ts';

export interface ConfigSource {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

/** @throws {StartError} CreateContainerConfigError naming the missing object or key. */
export function resolveEnv(options: {
  readonly pod: Pod;
  readonly container: Container;
  readonly source: ConfigSource;
  readonly podIP: string;
  readonly hostIP: string;
}): Record<string, string> {
  const { container, source } = options;
  const env: Record<string, string> = {};
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const entries = configMapRef
      ? readConfigMap(source, configMapRef)
      : secretRef
        ? readSecret(source, secretRef)
        : new Map<string, Buffer>();
    for (const [key, value] of entries ?? []) env[prefix + key] = value.toString('utf8');
  }
  for (const variable of container.env ?? []) {
    const { name, value, valueFrom } = variable;
    if (!valueFrom) {
      env[name] = expandReferences(value ?? '', env);
      continue;
    }
    const found = resolveValue(valueFrom, options);
    if (found !== undefined) env[name] = found;
  }
  return env;
}

/** `$(NAME)` becomes the variable's value, `$$(NAME)` stays as `$(NAME)`, unknown names stay as they are. */
export function expandReferences(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([A-Za-z_][\w.-]*)\)/g, (whole, name?: string) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

/** Keys and bytes of a ConfigMap; undefined when it is missing and optional. @throws {StartError} */
export function readConfigMap(
  source: ConfigSource,
  ref: { readonly name: string; readonly optional?: boolean },
): Map<string, Buffer> | undefined {
  const object = source.configMap(ref.name);
  if (!object) return missing(`configmap "${ref.name}" not found`, ref.optional);
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(object.data ?? {}))
    entries.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(object.binaryData ?? {}))
    entries.set(key, Buffer.from(value, 'base64'));
  return entries;
}

/** Keys and bytes of a Secret; undefined when it is missing and optional. @throws {StartError} */
export function readSecret(
  source: ConfigSource,
  ref: { readonly name: string; readonly optional?: boolean },
): Map<string, Buffer> | undefined {
  const object = source.secret(ref.name);
  if (!object) return missing(`secret "${ref.name}" not found`, ref.optional);
  const entries = Object.entries(object.data ?? {});
  return new Map(entries.map(([key, value]) => [key, Buffer.from(value, 'base64')]));
}

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']> & {
  resourceFieldRef?: { resource: string; divisor?: string };
};

function resolveValue(
  from: ValueFrom,
  options: Parameters<typeof resolveEnv>[0],
): string | undefined {
  const { source, container } = options;
  if (from.configMapKeyRef) {
    const { name, key, optional = false } = from.configMapKeyRef;
    const value = readConfigMap(source, { name, optional })?.get(key);
    return value?.toString('utf8') ?? missing(`configmap "${name}" has no key "${key}"`, optional);
  }
  if (from.secretKeyRef) {
    const { name, key, optional = false } = from.secretKeyRef;
    const value = readSecret(source, { name, optional })?.get(key);
    return value?.toString('utf8') ?? missing(`secret "${name}" has no key "${key}"`, optional);
  }
  if (from.resourceFieldRef) {
    const [list = '', name = ''] = from.resourceFieldRef.resource.split('.');
    const limits =
      list === 'requests' ? container.resources?.requests : container.resources?.limits;
    const divisor = parseQuantity(from.resourceFieldRef.divisor) || 1;
    return String(Math.ceil((parseQuantity(limits?.[name]) ?? 0) / divisor));
  }
  return from.fieldRef ? readPodField(from.fieldRef.fieldPath, options) : undefined;
}

/** A field that an environment or a file may show. @throws {StartError} for any other. */
export function readPodField(
  path: string,
  { pod, podIP, hostIP }: { readonly pod: Pod; readonly podIP: string; readonly hostIP: string },
): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) {
    const map = keyed[1] === 'labels' ? metadata.labels : metadata.annotations;
    return map?.[keyed[2] ?? ''] ?? '';
  }
  const fields: Record<string, string | undefined> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace,
    'metadata.uid': metadata.uid,
    'spec.nodeName': spec.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.podIP': podIP,
    'status.podIPs': podIP,
    'status.hostIP': hostIP,
  };
  if (!(path in fields))
    throw new StartError('CreateContainerConfigError', `fieldPath ${path} is not supported`);
  return fields[path] ?? '';
}

function missing(message: string, isOptional: boolean | undefined): undefined {
  if (isOptional !== true) throw new StartError('CreateContainerConfigError', message);
  return undefined;
}
