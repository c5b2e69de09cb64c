/**
 * Webhooks that judge connections: `exec`, `attach` and `portforward` of a Pod are asked about as
 * CONNECT before the connection is taken over. What a mutating webhook would change of the options
 * is not taken up. Source: k8s.io/apiserver pkg/endpoints/handlers/rest.go (ConnectResource).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { UpgradeRequest } from '../http-listener.ts';
import type { KindRegistry } from '../kind-registry.ts';
import { parseResourcePath } from '../request-path.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission-chain.ts';

const optionsKinds: Readonly<Record<string, string>> = {
  attach: 'PodAttachOptions',
  exec: 'PodExecOptions',
  portforward: 'PodPortForwardOptions',
};

export type UpgradeHandler = (upgrade: UpgradeRequest) => Promise<void>;

/** `next` is called when nobody objects. @throws {StatusError} the refusal of a webhook. */
export function makeConnectAdmission(
  next: UpgradeHandler,
  options: { readonly registry: KindRegistry; readonly webhooks: AdmissionPlugin },
): UpgradeHandler {
  const { registry, webhooks } = options;
  return async (upgrade) => {
    const request = makeRequest(upgrade, registry);
    if (request) {
      await webhooks.mutate?.(request);
      await webhooks.validate?.(request);
    }
    return next(upgrade);
  };
}

/** @returns undefined for a path that is nobody's; `next` says so. */
function makeRequest(
  { path, query, user }: UpgradeRequest,
  registry: KindRegistry,
): AdmissionRequest | undefined {
  const { group, version, plural, namespace, name, subresource } = parseResourcePath(path) ?? {};
  const resource = registry.find(group ?? '', version ?? '', plural ?? '');
  const kind = subresource === undefined ? undefined : optionsKinds[subresource];
  if (!resource || !kind || !name || group !== '' || plural !== 'pods') return undefined;
  return {
    operation: 'CONNECT',
    resource,
    subresource,
    namespace: namespace ?? '',
    name,
    object: describe(kind, query),
    oldObject: undefined,
    user,
    dryRun: false,
    options: {},
    warnings: [],
  };
}

/** The query as the object that it stands for. It has no metadata: it is no object of the API. */
function describe(kind: string, query: URLSearchParams): KubeObject {
  const flags = ['stdin', 'stdout', 'stderr', 'tty'].filter((name) =>
    ['true', '1'].includes(query.get(name) ?? ''),
  );
  const container = query.get('container');
  const command = query.getAll('command');
  const ports = query.getAll('ports').flatMap((text) => text.split(',').map(Number));
  return {
    kind,
    apiVersion: 'v1',
    ...Object.fromEntries(flags.map((name) => [name, true])),
    ...(container === null ? {} : { container }),
    ...(command.length > 0 ? { command } : {}),
    ...(ports.length > 0 ? { ports } : {}),
  } as unknown as KubeObject;
}
