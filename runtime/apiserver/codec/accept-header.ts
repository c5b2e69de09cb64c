/**
 * The `Accept` header: its clauses in the order of their worth, and which rendering one asks for.
 * Pure. Source: k8s.io/apiserver pkg/endpoints/handlers/negotiation.
 */
import type { Rendering } from '../table.ts';

export interface AcceptClause {
  /** Such as `application/json`, in lower case, or with wildcards. */
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** Clauses that are looked at: nobody names more forms than there are. */
const CLAUSES_MAX = 32;

/** The best first; of equals the one that was named first, and wildcards last. */
export const parseAccept = (header: string): AcceptClause[] =>
  header
    .split(',')
    .slice(0, CLAUSES_MAX)
    .map(parseClause)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality || wildcards(a) - wildcards(b));

function parseClause(text: string): AcceptClause {
  const [head = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters: Record<string, string> = {};
  for (const part of rest) {
    const [key = '', value, ...more] = part.split('=').map((side) => side.trim());
    if (value !== undefined && more.length === 0) parameters[key.toLowerCase()] = value;
  }
  const quality = Number(parameters['q'] ?? 1);
  const type = head.toLowerCase();
  return {
    type: type === '*' ? '*/*' : type,
    parameters,
    quality: Number.isNaN(quality) ? 0 : quality,
  };
}

const wildcards = ({ type }: AcceptClause): number => type.split('*').length - 1;

export const matchesType = ({ type }: AcceptClause, offered: string): boolean =>
  type === offered ||
  type === '*/*' ||
  (type.endsWith('/*') && offered.startsWith(type.slice(0, -1)));

const conversions: Readonly<Record<string, Rendering['as']>> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata-list',
};

/** @returns undefined for a form that objects cannot be shown in. */
export function renderingOf({
  parameters,
}: AcceptClause): Pick<Rendering, 'as' | 'version'> | undefined {
  const { as, g: group, v: version, stream } = parameters;
  if (stream !== undefined && stream !== '' && stream !== 'watch') return undefined;
  if (as === undefined && group === undefined && version === undefined)
    return { as: 'object', version: 'v1' };
  const conversion = Object.hasOwn(conversions, as ?? '') ? conversions[as ?? ''] : undefined;
  if (!conversion || group !== 'meta.k8s.io') return undefined;
  return version === 'v1' || version === 'v1beta1' ? { as: conversion, version } : undefined;
}
