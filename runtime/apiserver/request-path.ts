/** Where a request points: group, version, namespace, resource, name, subresource. Pure. */
import { StatusError } from './status-error.ts';

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  /** Undefined for all namespaces and for cluster-scoped resources. */
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
  /** Of the old form of a watch, with `watch` between version and resource. */
  readonly isWatch: boolean;
}

/** Below a namespace's own path these are its subresources, and not resources in it. */
const namespaceSubresources = ['status', 'finalize'];

/** @returns undefined for paths that do not address resources, such as `/version` and `/apis/apps`. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = path.split('/');
  const isCore = parts[1] === 'api';
  if (!isCore && parts[1] !== 'apis') return undefined;
  const group = isCore ? '' : decode(parts[2]);
  const version = decode(parts[isCore ? 2 : 3]);
  const rest = parts.slice(isCore ? 3 : 4).map(decode);
  if (rest.at(-1) === '') rest.pop();
  const isWatch = rest.length > 1 && rest[0] === 'watch';
  if (isWatch) rest.shift();
  if (version === '' || rest.length === 0) return undefined;
  if (rest.some((part) => part === '')) throw StatusError.unknownPath();
  const [first, namespace = '', third = ''] = rest;
  const isScoped =
    first === 'namespaces' && rest.length > 2 && !namespaceSubresources.includes(third);
  const [plural = '', name, subresource, ...more] = isScoped ? rest.slice(2) : rest;
  if (more.length > 0) throw StatusError.unknownPath();
  return {
    group,
    version,
    namespace: isScoped ? namespace : undefined,
    plural,
    name,
    subresource,
    isWatch,
  };
}

function decode(part: string | undefined): string {
  if (part === undefined) return '';
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    throw StatusError.badRequest(
      `the path segment ${JSON.stringify(part)} is not valid percent-encoding`,
    );
  }
}
