/**
 * The small JSONPath of printer columns: `.a.b`, `['a.b']`, `[0]`, `[*]` and
 * `[?(@.type=="Ready")]`. Pure.
 */
import { getKey, isJsonObject } from './json-value.ts';

type Step =
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'index'; readonly index: number }
  | { readonly type: 'all' }
  | { readonly type: 'filter'; readonly path: readonly Step[]; readonly equals: string };

const stepPattern =
  /\.([A-Za-z_][\w-]*(?:\\\.[\w-]+)*)|\[(\d+)\]|\[(\*)\]|\['([^']+)'\]|\[\?\(@((?:\.[\w-]+)+)\s*==\s*["']([^"']*)["']\)\]/y;

const parsed = new Map<string, readonly Step[] | undefined>();
/** Paths come from kind definitions; bounded all the same, since CRDs will bring their own. */
const PARSED_MAX = 1_000;

/** The first value at the path, or undefined; an unsupported path has no value anywhere. */
export function readJsonPath(value: unknown, path: string): unknown {
  let steps = parsed.get(path);
  if (steps === undefined && !parsed.has(path)) {
    if (parsed.size >= PARSED_MAX) parsed.clear();
    steps = parseJsonPath(path);
    parsed.set(path, steps);
  }
  return steps && follow([value], steps)[0];
}

function parseJsonPath(path: string): Step[] | undefined {
  const text = path.replace(/^\{|\}$/g, '').replace(/^\$/, '');
  const steps: Step[] = [];
  stepPattern.lastIndex = 0;
  while (stepPattern.lastIndex < text.length) {
    const match = stepPattern.exec(text);
    if (!match) return undefined;
    const [, key, index, all, quoted, filterPath, equals] = match;
    if (key !== undefined) steps.push({ type: 'key', key: unescapeDots(key) });
    else if (index !== undefined) steps.push({ type: 'index', index: Number(index) });
    else if (all !== undefined) steps.push({ type: 'all' });
    else if (quoted !== undefined) steps.push({ type: 'key', key: unescapeDots(quoted) });
    else {
      const inner = (filterPath ?? '').slice(1).split('.');
      const keys = inner.map((name): Step => ({ type: 'key', key: name }));
      steps.push({ type: 'filter', path: keys, equals: equals ?? '' });
    }
  }
  return steps;
}

/** Dots of a key are escaped in both notations. */
const unescapeDots = (key: string): string => key.replaceAll('\\.', '.');

function follow(values: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  return steps.reduce<readonly unknown[]>(
    (current, step) => current.flatMap((value) => followStep(value, step)),
    values,
  );
}

function followStep(value: unknown, step: Step): unknown[] {
  if (step.type === 'key') {
    const found = isJsonObject(value) ? getKey(value, step.key) : undefined;
    return found === undefined ? [] : [found];
  }
  if (!Array.isArray(value)) return [];
  if (step.type === 'index') return step.index < value.length ? [value[step.index]] : [];
  if (step.type === 'all') return value;
  return value.filter((item) => follow([item], step.path)[0] === step.equals);
}
