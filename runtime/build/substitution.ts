/**
 * Tekton's `$(path)` replacement: plain text, one pass, no escaping of values. A path under a known
 * prefix that names nothing is an error; an unknown prefix stays as it is. Pure.
 * Source: Tekton variable substitution (behaviour).
 */
import type { ParamValue } from '../apis/tekton/types.ts';

/** Values by normalized path, e.g. `params.IMAGE`, `workspaces.source.path`. */
export type Variables = ReadonlyMap<string, ParamValue>;

/** A reference to nothing; the message is Tekton's. */
export class UnknownVariable extends Error {}

const reference = /\$\(([^()]+)\)/g;
const knownPrefixes = ['params.', 'workspaces.', 'results.', 'context.taskRun.', 'context.task.'];

/** Replaces every reference. @throws {UnknownVariable} also for an array used inside text. */
export function substitute(text: string, variables: Variables): string {
  return text.replace(reference, (whole, path: string) => {
    const found = resolve(path, variables);
    if (found === undefined) {
      if (isKnown(path)) throw new UnknownVariable(`non-existent variable in "${text}"`);
      return whole;
    }
    if (typeof found !== 'string')
      throw new UnknownVariable(`variable type invalid in "${text}": ${whole} is not a string`);
    return found;
  });
}

/** As `substitute` for each element; an element that is just `$(params.x[*])` expands in place. */
export function substituteList(list: readonly string[], variables: Variables): string[] {
  return list.flatMap((element) => {
    const whole = /^\$\(([^()]+)\[\*\]\)$/.exec(element)?.[1];
    if (whole === undefined) return [substitute(element, variables)];
    const found = variables.get(normalize(whole));
    if (Array.isArray(found)) return found;
    if (isKnown(whole)) throw new UnknownVariable(`non-existent variable in "${element}"`);
    return [element];
  });
}

function resolve(path: string, variables: Variables): ParamValue | undefined {
  const normalized = normalize(path);
  const exact = variables.get(normalized);
  if (exact !== undefined) return exact;
  const index = /^(.*)\[(\d+)\]$/.exec(normalized);
  if (index) {
    const array = variables.get(index[1] ?? '');
    return Array.isArray(array) ? array[Number(index[2])] : undefined;
  }
  const dot = normalized.lastIndexOf('.');
  const object = variables.get(normalized.slice(0, dot));
  return typeof object === 'object' && !Array.isArray(object)
    ? object[normalized.slice(dot + 1)]
    : undefined;
}

/** `params['a.b']` and `params["a.b"]` are `params.a.b`. */
const normalize = (path: string): string =>
  path.replace(
    /\[(?:'([^']*)'|"([^"]*)")\]/g,
    (_all, single?: string, double?: string) => `.${single ?? double ?? ''}`,
  );

const isKnown = (path: string): boolean =>
  knownPrefixes.some((prefix) => normalize(path).startsWith(prefix));
