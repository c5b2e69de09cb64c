/**
 * JSON patch, as lenient as the real server's: a missing member counts as null where one is replaced
 * or tested. Pure; shares what it does not change. Bounded, because `copy` can double a document with
 * each operation. Source: RFC 6902, RFC 6901; github.com/evanphx/json-patch (behaviour).
 */
import { jsonTypeOf } from '../go-value.ts';
import { getKey, isJsonObject, jsonEqual, setKey, type JsonObject } from '../json-value.ts';
import { StatusError } from '../status-error.ts';

/** Upstream's limit for one patch. */
const OPERATIONS_MAX = 10_000;
/** What all copies of one patch may add, as upstream: the size of the largest body. */
const COPIED_LENGTH_MAX = 3 * 1024 * 1024;
const fields: readonly string[] = ['op', 'path', 'from', 'value'];

interface Operation {
  readonly op: unknown;
  /** Undefined: there is none, which every operation needs. */
  readonly path: readonly string[] | undefined;
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
}

/** @throws {StatusError} 400 when the patch is malformed, 413, 422 when it does not fit the document. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = parseOperations(patch);
  const budget = { copiedLength: 0 };
  return operations.reduce<unknown>(
    (current, operation) => change(current, operation, budget),
    document,
  );
}

/** Fields of operations that mean nothing, as paths into the patch such as `[1].extra`. */
export function unknownPatchFields(patch: unknown): string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation, index) =>
    isJsonObject(operation)
      ? Object.keys(operation)
          .filter((key) => !fields.includes(key))
          .map((key) => `[${index}].${key}`)
      : [],
  );
}

function parseOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw undecodable(patch, 'value of type []handlers.jsonPatchOp');
  const operations = patch.map(parseOperation);
  if (operations.length > OPERATIONS_MAX)
    throw new StatusError({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: `Request entity too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    });
  return operations;
}

function parseOperation(operation: unknown): Operation {
  if (!isJsonObject(operation)) throw undecodable(operation, 'value of type handlers.jsonPatchOp');
  const [op, path, from] = (['op', 'path', 'from'] as const).map((name) => {
    const text = getKey(operation, name);
    if (text === undefined || text === null || typeof text === 'string') return text ?? undefined;
    throw undecodable(text, `struct field jsonPatchOp.${name} of type string`);
  });
  return {
    op,
    path: parsePointer(path),
    from: parsePointer(from),
    value: operation['value'] ?? null,
  };
}

const undecodable = (value: unknown, target: string): StatusError =>
  StatusError.badRequest(
    `error decoding patch: json: cannot unmarshal ${jsonTypeOf(value)} into Go ${target}`,
  );

/** What stands before the first slash is ignored, as upstream does. */
const parsePointer = (pointer: string | undefined): string[] | undefined =>
  pointer
    ?.split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

function change(
  document: unknown,
  { op, path, from, value }: Operation,
  budget: { copiedLength: number },
): unknown {
  if (path === undefined) throw misfit();
  switch (op) {
    case 'add':
      return add(document, path, value);
    case 'remove':
      return edit(document, path, removeMember);
    case 'replace':
      return path.length === 0
        ? value
        : edit(document, path, (parent, key) => replaceMember(parent, key, value));
    case 'move': {
      if (from === undefined || isInside(path, from)) throw misfit();
      const moved = read(document, from);
      return add(edit(document, from, removeMember), path, moved);
    }
    case 'copy': {
      if (from === undefined) throw misfit();
      const copied = read(document, from) ?? null;
      budget.copiedLength += JSON.stringify(copied).length;
      if (budget.copiedLength > COPIED_LENGTH_MAX) throw misfit();
      return add(document, path, copied);
    }
    case 'test':
      if (!jsonEqual(read(document, path) ?? null, value)) throw misfit();
      return document;
    default:
      throw misfit();
  }
}

const isInside = (path: readonly string[], from: readonly string[]): boolean =>
  from.length < path.length && from.every((token, i) => token === path[i]);

type Member = (parent: JsonObject | unknown[], key: string) => JsonObject | unknown[];

const add = (document: unknown, path: readonly string[], value: unknown): unknown =>
  edit(document, path, (parent, key) => addMember(parent, key, value));

/** Rebuilds the containers on the path and lets `apply` work on a copy of the last one. */
function edit(document: unknown, path: readonly string[], apply: Member): unknown {
  const [key, ...rest] = path;
  if (key === undefined || typeof document !== 'object' || document === null) throw misfit();
  const copy = Array.isArray(document)
    ? [...(document as unknown[])]
    : { ...(document as JsonObject) };
  if (rest.length === 0) return apply(copy, key);
  const child = edit(read(document, [key]), rest, apply);
  if (Array.isArray(copy)) copy[existingIndex(copy, key)] = child;
  else setKey(copy, key, child);
  return copy;
}

/** Undefined for a missing member of an object that is there. */
function read(document: unknown, path: readonly string[]): unknown {
  let current = document;
  for (const key of path) {
    if (Array.isArray(current)) current = (current as unknown[])[existingIndex(current, key)];
    else if (isJsonObject(current)) current = getKey(current, key);
    else throw misfit();
  }
  return current;
}

function addMember(
  parent: JsonObject | unknown[],
  key: string,
  value: unknown,
): JsonObject | unknown[] {
  if (!Array.isArray(parent)) setKey(parent, key, value);
  else {
    const index = key === '-' ? parent.length : parseIndex(key, parent.length);
    if (index === undefined || index > parent.length) throw misfit();
    parent.splice(index, 0, value);
  }
  return parent;
}

function replaceMember(
  parent: JsonObject | unknown[],
  key: string,
  value: unknown,
): JsonObject | unknown[] {
  if (Array.isArray(parent)) parent[existingIndex(parent, key)] = value;
  else setKey(parent, key, value);
  return parent;
}

const removeMember: Member = (parent, key) => {
  if (Array.isArray(parent)) parent.splice(existingIndex(parent, key), 1);
  else if (Object.hasOwn(parent, key)) delete parent[key];
  else throw misfit();
  return parent;
};

function existingIndex(list: readonly unknown[], key: string): number {
  const index = parseIndex(key, list.length);
  if (index === undefined || index >= list.length) throw misfit();
  return index;
}

/** A negative one counts from the end, which upstream allows. */
function parseIndex(key: string, length: number): number | undefined {
  if (!/^[-+]?\d{1,9}$/.test(key)) return undefined;
  const index = Number(key);
  if (index >= 0) return index;
  return index >= -length ? index + length : undefined;
}

/** Upstream says no more than that. */
const misfit = (): StatusError =>
  new StatusError({
    code: 422,
    reason: 'Invalid',
    message: 'the server rejected our request due to an error in our request',
    details: {},
  });
