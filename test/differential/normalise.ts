/**
 * Takes out of an answer what differs from run to run: uids, times, resourceVersions, generated names
 * and allocated addresses. Which of them are equal to each other stays visible: the first
 * resourceVersion of a case is `<rv1>` wherever it occurs. Pure.
 */
import type { Answer } from './case.ts';
import type { TranscriptEntry } from './run-case.ts';

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const timesPattern = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;
/** A time this near to now was set by a server, not by a case. */
const NOW_WITHIN_MS = 2 * 86_400_000;
/** How generated names end, and where `generateName` is cut before. */
const GENERATED_END = '[bcdfghjklmnpqrstvwxz2456789]{5}';
const BASE_LENGTH_MAX = 58;
const isNow = (time: string): boolean => Math.abs(Date.parse(time) - Date.now()) < NOW_WITHIN_MS;
/** Whose resourceVersion is the whole server's, which other cases move: it can equal an object's by chance. */
const COLLECTION_METADATA = 'metadata of a collection';
const BOOKMARK_OBJECT = 'object of a bookmark';
const uidPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

export class Normaliser {
  private readonly uids = new Map<string, string>();
  private readonly versions = new Map<string, string>();
  private readonly prefixes = new Set<string>();

  /** Takes note of the uids, versions and names in an answer, so that later texts can be masked. */
  learn(body: unknown): void {
    visit(body, (object) => {
      const { uid, resourceVersion } = object as Record<string, unknown>;
      // Only objects' own versions are told apart; a list's moves with whatever else happens.
      if (typeof uid === 'string' && typeof resourceVersion === 'string')
        note(this.versions, resourceVersion, 'rv');
      for (const value of Object.values(object))
        if (typeof value === 'string')
          for (const [found] of value.matchAll(uidPattern)) note(this.uids, found, 'uid');
    });
  }

  /** Takes note of a `generateName` that is sent: a refused name occurs in texts alone. */
  learnRequest(body: unknown): void {
    visit(body, (object) => {
      const { generateName } = object as Record<string, unknown>;
      if (typeof generateName === 'string')
        this.prefixes.add(generateName.slice(0, BASE_LENGTH_MAX));
    });
  }

  normalise(
    request: string,
    answer: Answer,
    options: {
      only: readonly string[] | undefined;
      view: ((body: any) => unknown) | undefined;
      withHeaders: readonly string[];
      withManagedFields: boolean;
    },
  ): TranscriptEntry {
    const { status, contentType, warnings, retryAfter } = answer;
    const seen = options.view && status < 300 ? viewOf(answer.body, options.view) : answer.body;
    const whole = this.value(seen, '', options.withManagedFields);
    const body = options.only
      ? Object.fromEntries(options.only.map((path) => [path, pick(whole, path)]))
      : whole;
    return {
      request,
      status,
      contentType,
      ...(warnings.length === 0 ? {} : { warnings: warnings.map((text) => this.text(text)) }),
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(options.withHeaders.length === 0
        ? {}
        : {
            headers: Object.fromEntries(
              options.withHeaders.map((name) => [name, answer.headers[name] ?? null]),
            ),
          }),
      body,
    };
  }

  private value(value: unknown, key: string, withManagedFields: boolean): unknown {
    if (typeof value === 'string') return this.string(value, key);
    if (key === 'nodePort' || key === 'healthCheckNodePort') return '<port>';
    // Ages, which depend on the pace of the case.
    if (key === 'cells' && Array.isArray(value))
      return value.map((cell) =>
        typeof cell === 'string' && /^\d+s$/.test(cell)
          ? '<age>'
          : this.value(cell, '', withManagedFields),
      );
    if (isWireVersion(value)) {
      const known = this.versions.get(value[1]);
      return known === undefined || key === 'fields' ? [value[0], '<rv>'] : [value[0], known];
    }
    if (Array.isArray(value)) {
      const items = value.map((item) => this.value(item, key, withManagedFields));
      if (key === 'managedFields') return items.sort(byOwner);
      // Upstream names a problem once for every layer that finds it.
      return key === 'causes' ? inOrder(distinct(items)) : items;
    }
    if (typeof value !== 'object' || value === null) return value;
    const copy: Record<string, unknown> = {};
    const isCollection = isCollectionLike(value) || key === BOOKMARK_OBJECT;
    const isBookmark = (value as { type?: unknown }).type === 'BOOKMARK';
    for (const name of Object.keys(value).sort()) {
      const item = (value as Record<string, unknown>)[name];
      if (name === 'managedFields' && !withManagedFields) continue;
      // Some encoders write a time that is not set, others leave it out.
      if (name === 'creationTimestamp' && item === null) continue;
      // Prose of a table's columns, which no client prints.
      if (name === 'description' && key === 'columnDefinitions') continue;
      const itemKey =
        isCollection && name === 'metadata'
          ? COLLECTION_METADATA
          : isBookmark && name === 'object'
            ? BOOKMARK_OBJECT
            : name;
      copy[this.text(name)] =
        key === COLLECTION_METADATA && name === 'resourceVersion' && item !== '0'
          ? '<rv>'
          : this.value(item, itemKey, withManagedFields);
    }
    return copy;
  }

  private string(text: string, key: string): string {
    if (key === 'resourceVersion' && /^\d+$/.test(text) && text !== '0')
      return this.versions.get(text) ?? '<rv>';
    if (key === 'continue' && text !== '') return '<continue>';
    if (key === 'token' && text.split('.').length === 3) return '<token>';
    if ((key === 'clusterIP' || key === 'clusterIPs') && text.startsWith('10.'))
      return '<clusterIP>';
    if (timePattern.test(text) && isNow(text)) return '<time>';
    return this.text(text);
  }

  private text(text: string): string {
    let masked = text.replace(uidPattern, (uid) => this.uids.get(uid) ?? uid);
    for (const prefix of this.prefixes)
      masked = masked.replace(
        new RegExp(`${escape(prefix)}${GENERATED_END}`, 'g'),
        `${prefix}<random>`,
      );
    return (
      masked
        // A whole object, times and versions included, quoted in the refusal of a patch.
        .replace(/Invalid value: "\{(?:[^"\\]|\\.)*\}": /g, 'Invalid value: "<object>": ')
        .replace(/resource version: \d+(, current: \d+| \(\d+\))?/g, 'resource version: <rv>')
        .replace(
          /ResourceVersion in (precondition|object meta): \d+/g,
          'ResourceVersion in $1: <rv>',
        )
        .replace(/in the precondition \(\d+\)|in record \(\d+\)/g, (found) =>
          found.replace(/\d+/, '<rv>'),
        )
        .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-<random>')
        // Objects that a message quotes.
        .replace(/(resourceVersion\\*":\s*\\*")\d+/g, '$1<rv>')
        .replace(timesPattern, (time) => (isNow(time) ? '<time>' : time))
    );
  }
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function note(known: Map<string, string>, value: string, prefix: string): void {
  if (!known.has(value)) known.set(value, `<${prefix}${known.size + 1}>`);
}

function visit(value: unknown, onObject: (object: object) => void): void {
  if (typeof value !== 'object' || value === null) return;
  onObject(value);
  for (const item of Object.values(value)) visit(item, onObject);
}

/** A body of another shape than the case expects is a difference, and no reason to stop. */
function viewOf(body: unknown, view: (body: any) => unknown): unknown {
  try {
    return view(body);
  } catch {
    return body;
  }
}

function pick(value: unknown, path: string): unknown {
  let current: any = value;
  for (const key of path.split('.')) current = current?.[key];
  return current;
}

/** A field of a protobuf message that holds nothing but digits: versions are the only such texts. */
const isWireVersion = (value: unknown): value is [number, string] =>
  Array.isArray(value) &&
  value.length === 2 &&
  typeof value[0] === 'number' &&
  typeof value[1] === 'string' &&
  /^\d+$/.test(value[1]) &&
  value[1] !== '0';

/** A list or a table has its items beside its metadata. */
const isCollectionLike = (value: object): boolean =>
  Array.isArray((value as { items?: unknown }).items) ||
  Array.isArray((value as { rows?: unknown }).rows);

/** Upstream tells conflicts in the order of a map in memory, which is another each time. */
const inOrder = (causes: unknown[]): unknown[] =>
  causes.every((cause) => fieldOf(cause, 'reason') === 'FieldManagerConflict')
    ? causes.sort((a, b) => fieldOf(a, 'field').localeCompare(fieldOf(b, 'field')))
    : causes;

const fieldOf = (value: unknown, key: string): string =>
  String((value as Record<string, unknown> | null)?.[key]);

function distinct(items: readonly unknown[]): unknown[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

/** Entries come in the order of their times, which two servers need not share. */
const byOwner = (a: any, b: any): number => ownerKey(a).localeCompare(ownerKey(b));
const ownerKey = ({ operation, manager, subresource, apiVersion }: any): string =>
  `${operation} ${manager} ${subresource ?? ''} ${apiVersion}`;
