/**
 * What changed between two specs, in the form in which upstream says it: one block per field, by its
 * path in Go's names. Values that Go keeps by pointer are printed as what they point at, where
 * upstream prints an address. Source: knative.dev/pkg kmp/reporters.go (behaviour).
 */
import { isDeepStrictEqual } from 'node:util';

/** More than this many blocks help nobody. */
const CHANGES_MAX = 50;
/** Fields of the pod, which Go embeds in a revision's spec. */
const revisionFields = new Set([
  'containerConcurrency',
  'timeoutSeconds',
  'responseStartTimeoutSeconds',
  'idleTimeoutSeconds',
]);
const acronyms: Readonly<Record<string, string>> = {
  hostIPC: 'HostIPC',
  hostPID: 'HostPID',
  dnsPolicy: 'DNSPolicy',
  dnsConfig: 'DNSConfig',
  tty: 'TTY',
  httpGet: 'ProbeHandler.HTTPGet',
  tcpSocket: 'ProbeHandler.TCPSocket',
  exec: 'ProbeHandler.Exec',
  grpc: 'ProbeHandler.GRPC',
  metadata: 'ObjectMeta',
};

/**
 * Lists and objects that only one side has are printed as JSON, where upstream prints Go's syntax.
 * `root` is how Go names the type, e.g. `{v1.RevisionSpec}`.
 */
export function describeChange(old: object, next: object, root: string): string {
  const blocks: string[] = [];
  const isSpec = !('spec' in old);
  compare(old, next, { path: root, isSpec, blocks });
  return blocks.slice(0, CHANGES_MAX).join('');
}

interface Walk {
  readonly path: string;
  /** Whether the object is a revision's spec. */
  readonly isSpec: boolean;
  readonly blocks: string[];
}

function compare(old: unknown, next: unknown, walk: Walk): void {
  if (isDeepStrictEqual(old, next)) return;
  const { path, blocks } = walk;
  if (Array.isArray(old) && Array.isArray(next)) {
    for (let index = 0; index < Math.max(old.length, next.length); index += 1) {
      const item: Walk = {
        path: `${path}[${arrayIndex(index, old, next)}]`,
        isSpec: false,
        blocks,
      };
      compare(old[index], next[index], item);
    }
    return;
  }
  if (isObject(old) && isObject(next)) {
    const fields = new Set([...Object.keys(old), ...Object.keys(next)]);
    // Go compares the metadata of an object first.
    for (const field of [...fields].sort(byMetadataFirst))
      compare(old[field], next[field], step(walk, field));
    return;
  }
  blocks.push(`${path}:\n\t-: ${printed(old)}\n\t+: ${printed(next)}\n`);
}

const byMetadataFirst = (a: string, b: string): number =>
  Number(b === 'metadata') - Number(a === 'metadata');

function step({ path, isSpec, blocks }: Walk, field: string): Walk {
  if (/\.(Labels|Annotations)$/.test(path))
    return { path: `${path}[${JSON.stringify(field)}]`, isSpec: false, blocks };
  const embedded = isSpec && !revisionFields.has(field) ? 'PodSpec.' : '';
  const name = acronyms[field] ?? field.charAt(0).toUpperCase() + field.slice(1);
  return { path: `${path}.${embedded}${name}`, isSpec: field === 'spec', blocks };
}

/** An item that only one side has is shown as an insertion or a removal. */
function arrayIndex(index: number, old: readonly unknown[], next: readonly unknown[]): string {
  if (index >= old.length) return `?->${index}`;
  return index >= next.length ? `${index}->?` : String(index);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const printed = (value: unknown): string =>
  value === undefined
    ? '"<nil>"'
    : typeof value === 'object'
      ? JSON.stringify(value)
      : `"${String(value)}"`;
