/**
 * JSON patch. Pure; shares what it does not change. Bounded, because `copy` can double a document
 * with each operation. Source: RFC 6902, RFC 6901.
 */
import { getKey, isJsonObject, jsonEqual, setKey, type JsonObject } from '../json-value.ts';
import { StatusError } from '../status-error.ts';

/** Upstream's limit for one patch. */
const OPERATIONS_MAX = 10_000;
/** Copies of whole subtrees; more than this many in one patch only attacks memory. */
const COPIES_MAX = 100;

interface Operation {
  readonly op: string;
  readonly path: readonly string[];
  readonly from: readonly string[] | undefined;
  readonly value: unknown;
}

/** @throws {StatusError} 400 when the patch is malformed, 422 when it does not fit the document. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = parseOperations(patch);
  return operations.reduce(applyOperation, document);
}

function parseOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch))
    throw StatusError.badRequest('a JSON patch must be a list of operations');
  if (patch.length > OPERATIONS_MAX) throw StatusError.tooLarge(OPERATIONS_MAX);
  const operations = patch.map(parseOperation);
  if (operations.filter(({ op }) => op === 'copy').length > COPIES_MAX)
    throw StatusError.badRequest(`a JSON patch may copy at most ${COPIES_MAX} times`);
  return operations;
}

function parseOperation(operation: unknown): Operation {
  if (!isJsonObject(operation))
    throw StatusError.badRequest('a JSON patch operation must be an object');
  const { op, path, from, value } = operation;
  if (typeof op !== 'string' || !['add', 'remove', 'replace', 'move', 'copy', 'test'].includes(op))
    throw StatusError.badRequest(`unknown JSON patch operation ${JSON.stringify(op)}`);
  if (typeof path !== 'string')
    throw StatusError.badRequest(`JSON patch operation ${op} has no path`);
  const needsFrom = op === 'move' || op === 'copy';
  if (needsFrom && typeof from !== 'string')
    throw StatusError.badRequest(`JSON patch operation ${op} has no from`);
  if (['add', 'replace', 'test'].includes(op) && !Object.hasOwn(operation, 'value'))
    throw StatusError.badRequest(`JSON patch operation ${op} has no value`);
  return {
    op,
    path: parsePointer(path),
    from: needsFrom ? parsePointer(from as string) : undefined,
    value,
  };
}

function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/'))
    throw StatusError.badRequest(`JSON pointer ${JSON.stringify(pointer)} must start with /`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function applyOperation(document: unknown, { op, path, from = [], value }: Operation): unknown {
  switch (op) {
    case 'add':
      return add(document, path, value);
    case 'remove':
      return edit(document, path, removeMember);
    case 'replace':
      read(document, path);
      return path.length === 0
        ? value
        : edit(document, path, (parent, key) => replaceMember(parent, key, value));
    case 'move': {
      if (from.length < path.length && from.every((token, i) => token === path[i]))
        throw misfit(path, 'a value cannot move into itself');
      const moved = read(document, from);
      return add(edit(document, from, removeMember), path, moved);
    }
    case 'copy':
      return add(document, path, read(document, from));
    default:
      if (!jsonEqual(read(document, path), value)) throw misfit(path, 'the test failed');
      return document;
  }
}

type Member = (parent: JsonObject | unknown[], key: string) => JsonObject | unknown[];

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  return path.length === 0
    ? value
    : edit(document, path, (parent, key) => addMember(parent, key, value));
}

/** Rebuilds the containers on the path and lets `change` work on a copy of the last one. */
function edit(document: unknown, path: readonly string[], change: Member): unknown {
  const [key = '', ...rest] = path;
  if (typeof document !== 'object' || document === null) throw misfit(path, 'nothing is there');
  if (path.length === 0) throw misfit(path, 'the whole document cannot be removed');
  const copy = Array.isArray(document)
    ? [...(document as unknown[])]
    : { ...(document as JsonObject) };
  if (rest.length === 0) return change(copy, key);
  const child = edit(read(document, [key]), rest, change);
  if (Array.isArray(copy)) copy[Number(key)] = child;
  else setKey(copy, key, child);
  return copy;
}

function read(document: unknown, path: readonly string[]): unknown {
  let current = document;
  for (const key of path) {
    if (Array.isArray(current)) current = (current as unknown[])[existingIndex(current, key)];
    else if (isJsonObject(current) && Object.hasOwn(current, key)) current = getKey(current, key);
    else throw misfit(path, 'nothing is there');
  }
  return current;
}

const addMember = (
  parent: JsonObject | unknown[],
  key: string,
  value: unknown,
): JsonObject | unknown[] => {
  if (Array.isArray(parent)) {
    const index = key === '-' ? parent.length : parseIndex(key);
    if (index === undefined || index > parent.length) throw misfit([key], 'no such index');
    parent.splice(index, 0, value);
  } else setKey(parent, key, value);
  return parent;
};

const replaceMember = (
  parent: JsonObject | unknown[],
  key: string,
  value: unknown,
): JsonObject | unknown[] => {
  if (Array.isArray(parent)) parent[existingIndex(parent, key)] = value;
  else setKey(parent, key, value);
  return parent;
};

const removeMember: Member = (parent, key) => {
  if (Array.isArray(parent)) parent.splice(existingIndex(parent, key), 1);
  else if (Object.hasOwn(parent, key)) delete parent[key];
  else throw misfit([key], 'nothing is there');
  return parent;
};

function existingIndex(list: readonly unknown[], key: string): number {
  const index = parseIndex(key);
  if (index === undefined || index >= list.length) throw misfit([key], 'no such index');
  return index;
}

const parseIndex = (key: string): number | undefined =>
  /^(0|[1-9]\d*)$/.test(key) ? Number(key) : undefined;

const misfit = (path: readonly string[], problem: string): StatusError =>
  new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `the server rejected our request due to an error in our request: /${path.join('/')}: ${problem}`,
  });
