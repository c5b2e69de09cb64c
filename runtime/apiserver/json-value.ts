/**
 * What the server does to JSON values everywhere: clone what a client handed over, freeze what is
 * stored, compare, and reach into them by path. Knows nothing of Kubernetes.
 */
import { StatusError } from './status-error.ts';

export type JsonObject = Record<string, unknown>;

/** Deeper bodies are refused: nobody's manifest is this deep, and every walk here is recursive. */
const JSON_DEPTH_MAX = 500;

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sets an own key. `__proto__` is a valid ConfigMap key and must not reach the prototype. */
export function setKey(target: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  else target[key] = value;
}

/** Reads an own key; never one of the prototype's. */
export const getKey = (target: JsonObject, key: string): unknown =>
  Object.hasOwn(target, key) ? target[key] : undefined;

/**
 * A copy that JSON would have made: keys whose value is undefined vanish.
 * @throws {StatusError} 400 when the value is deeper than the server accepts.
 */
export function cloneJson<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null) return value;
  assertDepth(depth);
  if (Array.isArray(value)) {
    return value.map((item: unknown) => cloneJson(item ?? null, depth + 1)) as T;
  }
  const copy: JsonObject = {};
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    const item = (value as JsonObject)[key];
    if (item !== undefined) setKey(copy, key, cloneJson(item, depth + 1));
  }
  return copy as T;
}

/** @throws {StatusError} 400 when a parsed body is deeper than the server accepts. */
export function checkDepth(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  assertDepth(depth);
  for (const item of Array.isArray(value) ? value : Object.values(value))
    checkDepth(item, depth + 1);
}

/** Freezes in place. Frozen parts are skipped: only the store freezes, and always deeply. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const key of Object.keys(value)) deepFreeze((value as JsonObject)[key]);
  return Object.freeze(value);
}

/** Structural equality; order of keys does not matter. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => jsonEqual(item, b[index]));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every(
    (key) => Object.hasOwn(b, key) && jsonEqual((a as JsonObject)[key], (b as JsonObject)[key]),
  );
}

/** Value at a dotted path such as `spec.replicas`; undefined where there is none. */
export function getPath(value: unknown, path: string): unknown {
  let current = value;
  for (const key of path.split('.')) {
    if (!isJsonObject(current)) return undefined;
    current = getKey(current, key);
  }
  return current;
}

/** A copy of `value` with `item` at the dotted path; shares everything that is not on the path. */
export function withPath(value: unknown, path: string, item: unknown): JsonObject {
  const [head = '', ...rest] = path.split('.');
  const copy: JsonObject = isJsonObject(value) ? { ...value } : {};
  copy[head] = rest.length === 0 ? item : withPath(copy[head], rest.join('.'), item);
  return copy;
}

function assertDepth(depth: number): void {
  if (depth > JSON_DEPTH_MAX)
    throw StatusError.badRequest(`the body is nested deeper than ${JSON_DEPTH_MAX} levels`);
}
