/** What the printers of built-in kinds are made of: columns, and cells read from an object. Pure. */
import type { PrinterColumn } from '../../apis/meta/kind-definition.ts';
import { getPath, isJsonObject, type JsonObject } from '../json-value.ts';
import { formatLabelSelector } from '../label-selector.ts';
import { formatAge } from './format-age.ts';

export interface Printer {
  readonly columns: readonly PrinterColumn[];
  /** The name is among the columns; of other kinds it comes before them. */
  readonly hasName?: boolean;
  /** What stands in the column of the name. @default the object's name */
  readonly name?: (object: JsonObject) => string;
  /** In the order of `columns`. */
  readonly cells: (object: JsonObject, nowMs: number) => readonly unknown[];
}

export const NONE = '<none>';
export const UNKNOWN = '<unknown>';
/** More ports or addresses than this are counted, not shown. */
export const SHOWN_MAX = 3;

export const column = (
  name: string,
  priority = 0,
  type: PrinterColumn['type'] = 'string',
): PrinterColumn => ({
  name,
  type,
  jsonPath: '',
  priority,
});
export const age = column('Age');

export const listAt = (object: unknown, path: string): readonly JsonObject[] => {
  const list = getPath(object, path);
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
};
export const textAt = (object: unknown, path: string): string => {
  const value = getPath(object, path);
  return typeof value === 'string' ? value : '';
};
export const numberAt = (object: unknown, path: string): number => {
  const value = getPath(object, path);
  return typeof value === 'number' ? value : 0;
};
export const since = (time: string, nowMs: number): string =>
  Number.isNaN(Date.parse(time)) ? UNKNOWN : formatAge(nowMs - Date.parse(time));
export const ageOf = (object: JsonObject, nowMs: number): string =>
  since(textAt(object, 'metadata.creationTimestamp'), nowMs);
export const join = (texts: readonly string[]): string =>
  texts.length === 0 ? NONE : texts.join(',');

/** Of a plain map of labels, as Services have. */
export function selectorText(selector: unknown): string {
  if (!isJsonObject(selector)) return NONE;
  const pairs = Object.entries(selector).filter(([, value]) => typeof value === 'string');
  return join(pairs.map(([key, value]) => `${key}=${String(value)}`).sort());
}

/** Of a selector with labels and expressions, as workloads have. */
export const labelSelectorText = (selector: unknown): string =>
  formatLabelSelector(selector) || NONE;

export const containersOf = (object: JsonObject): readonly JsonObject[] =>
  listAt(object, 'spec.template.spec.containers');
export const imagesOf = (object: JsonObject): readonly string[] => [
  join(containersOf(object).map((container) => textAt(container, 'name'))),
  join(containersOf(object).map((container) => textAt(container, 'image'))),
];
export const wideWorkload = [column('Containers', 1), column('Images', 1), column('Selector', 1)];

export const countAt = (object: JsonObject, path: string): number => {
  const value = getPath(object, path);
  return isJsonObject(value) ? Object.keys(value).length : 0;
};

export const integers = (...names: string[]): PrinterColumn[] =>
  names.map((name) => column(name, 0, 'integer'));
