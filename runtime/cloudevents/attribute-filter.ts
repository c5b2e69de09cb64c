/**
 * Decides whether a trigger wants an event. Filters are compiled once, when the trigger changes.
 * Values that arrived as numbers or booleans compare by their text in every dialect, so an event is
 * filtered alike in both modes (Knative's legacy filter never matches them in structured mode).
 * Source: Knative Eventing 1.19 Trigger `filter` and `filters`, CloudEvents Subscriptions API 1.0.
 */
import { compileCesql } from './cesql/compile.ts';
import type { AttributeValue, CloudEvent } from './cloud-event.ts';

/** Exactly one dialect each; the shape of `Trigger.spec.filters[]`. */
export interface FilterSpec {
  readonly exact?: Readonly<Record<string, string>>;
  readonly prefix?: Readonly<Record<string, string>>;
  readonly suffix?: Readonly<Record<string, string>>;
  readonly all?: readonly FilterSpec[];
  readonly any?: readonly FilterSpec[];
  readonly not?: FilterSpec;
  readonly cesql?: string;
}

export interface TriggerFilters {
  readonly filter?:
    { readonly attributes?: Readonly<Record<string, string>> | undefined } | undefined;
  readonly filters?: readonly FilterSpec[] | undefined;
}

export type EventPredicate = (event: CloudEvent) => boolean;

/** Three-valued: a filter without content has no opinion, and `not` of it has none either. */
type Verdict = 'pass' | 'fail' | 'none';
type Filter = (event: CloudEvent) => Verdict;

/**
 * `filters` wins where it is not empty, else `filter.attributes`; neither lets everything through.
 * @throws {CesqlSyntaxError} for an expression that does not parse.
 */
export function compileTriggerFilter(spec: TriggerFilters): EventPredicate {
  if (spec.filters !== undefined && spec.filters.length > 0) {
    const all = compileAll(spec.filters);
    return (event) => all(event) !== 'fail';
  }
  const wanted = Object.entries(spec.filter?.attributes ?? {});
  if (wanted.length === 0) return () => true;
  return (event) =>
    wanted.every(([name, value]) => {
      const text = textOf(event, name);
      return value === '' ? text !== undefined && text !== '' : text === value;
    });
}

function compile(spec: FilterSpec): Filter {
  if (spec.exact) return compileMap(spec.exact, (text, value) => text === value);
  if (spec.prefix) return compileMap(spec.prefix, (text, value) => text.startsWith(value));
  if (spec.suffix) return compileMap(spec.suffix, (text, value) => text.endsWith(value));
  if (spec.all) return compileAll(spec.all);
  if (spec.any) return compileAny(spec.any);
  if (spec.not) return compileNot(spec.not);
  if (spec.cesql !== undefined && spec.cesql.trim() !== '') return compileExpression(spec.cesql);
  return () => 'none';
}

/** An empty value makes the whole filter one without content, as in Knative. */
function compileMap(
  map: Readonly<Record<string, string>>,
  matches: (text: string, value: string) => boolean,
): Filter {
  const wanted = Object.entries(map);
  if (wanted.length === 0 || wanted.some(([, value]) => value === '')) return () => 'none';
  return (event) => {
    for (const [name, value] of wanted) {
      const text = textOf(event, name);
      if (text === undefined || !matches(text, value)) return 'fail';
    }
    return 'pass';
  };
}

function compileAll(specs: readonly FilterSpec[]): Filter {
  const filters = specs.map(compile);
  return (event) => {
    let verdict: Verdict = 'none';
    for (const filter of filters) {
      const one = filter(event);
      if (one === 'fail') return 'fail';
      if (one === 'pass') verdict = 'pass';
    }
    return verdict;
  };
}

function compileAny(specs: readonly FilterSpec[]): Filter {
  const filters = specs.map(compile);
  return (event) => {
    let verdict: Verdict = 'none';
    for (const filter of filters) {
      const one = filter(event);
      if (one === 'pass') return 'pass';
      if (one === 'fail') verdict = 'fail';
    }
    return verdict;
  };
}

function compileNot(spec: FilterSpec): Filter {
  const filter = compile(spec);
  return (event) => {
    const one = filter(event);
    return one === 'none' ? 'none' : one === 'pass' ? 'fail' : 'pass';
  };
}

/** Passes only on TRUE without any error; a result of another type does not pass. */
function compileExpression(text: string): Filter {
  const expression = compileCesql(text);
  return (event) => {
    const { value, errors } = expression.evaluate((name) => lookUp(event, name));
    return value === true && errors.length === 0 ? 'pass' : 'fail';
  };
}

function textOf(event: CloudEvent, name: string): string | undefined {
  const value = lookUp(event, name);
  return value === undefined ? undefined : String(value);
}

/** Attributes by name, with Knative's aliases across versions. */
function lookUp(event: CloudEvent, name: string): AttributeValue | undefined {
  const value = event.attributes.get(name);
  if (value !== undefined) return value;
  switch (name) {
    case 'schemaurl':
      return event.attributes.get('dataschema');
    case 'dataschema':
      return event.attributes.get('schemaurl');
    case 'datamediatype':
      return (
        String(event.attributes.get('datacontenttype') ?? '')
          .split(';', 1)[0]
          ?.trim() || undefined
      );
    default:
      return undefined;
  }
}
