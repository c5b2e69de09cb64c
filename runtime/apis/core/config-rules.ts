/**
 * What ConfigMaps and Secrets may hold: keys that can be file names, data that stays once it is said
 * to, and what the types of Secrets promise. Pure.
 * Source: k8s.io/kubernetes pkg/apis/core/validation (rules, words).
 */
import type { FieldError } from '../meta/field-error.ts';
import { forbidden, invalid, required } from '../meta/field-rule.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import { isSameStringMap } from './string-map.ts';
import type { ConfigMap, Secret } from './types.ts';

/** As upstream: what an object of a megabyte leaves for its metadata is small enough for the store. */
const DATA_BYTES_MAX = 1024 * 1024;
const KEY_LENGTH_MAX = 253;
const KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export const validateConfigMap = (object: ConfigMap, context: AdmissionContext): FieldError[] => [
  ...validateKeys(object.data, 'data'),
  ...Object.keys(object.data ?? {})
    .filter((key) => Object.hasOwn(object.binaryData ?? {}, key))
    .map((key) => invalid(`data[${key}]`, key, 'duplicate of key present in binaryData')),
  ...validateKeys(object.binaryData, 'binaryData'),
  // Upstream names no field: both maps count together.
  ...(bytesOf(object.data, false) + bytesOf(object.binaryData, true) > DATA_BYTES_MAX
    ? [tooLong('[]')]
    : []),
  ...validateImmutable(object, context),
];

export const validateSecret = (object: Secret, context: AdmissionContext): FieldError[] => [
  ...validateKeys(object.data, 'data'),
  ...Object.entries(object.data ?? {})
    .filter(([, value]) => typeof value !== 'string' || !base64Pattern.test(value))
    .map(([key, value]) => invalid(`data[${key}]`, value, 'must be base64')),
  ...(bytesOf(object.data, true) > DATA_BYTES_MAX ? [tooLong('data')] : []),
  ...typeProblems(object),
  ...validateImmutable(object, context),
  ...(context.old && object.type !== (context.old as Secret).type
    ? [invalid('type', object.type, 'field is immutable')]
    : []),
];

const tooLong = (path: string): FieldError => ({
  message: `Too long: may not be more than ${DATA_BYTES_MAX} bytes`,
  paths: [path],
});

/** @param isBase64 whether values are written in base64, where four characters are three bytes. */
function bytesOf(data: Readonly<Record<string, string>> | undefined, isBase64: boolean): number {
  let bytes = 0;
  for (const value of Object.values(data ?? {})) {
    if (typeof value !== 'string') continue;
    bytes += isBase64
      ? Math.floor((value.replace(/=+$/, '').length * 3) / 4)
      : Buffer.byteLength(value);
  }
  return bytes;
}

function validateKeys(data: unknown, field: string): FieldError[] {
  if (data === undefined || data === null) return [];
  if (typeof data !== 'object' || Array.isArray(data))
    return [invalid(field, data, 'must be a map')];
  return Object.keys(data).flatMap((key) =>
    keyProblems(key).map((problem) => invalid(`${field}[${key}]`, key, problem)),
  );
}

function keyProblems(key: string): string[] {
  const problems: string[] = [];
  if (key.length > KEY_LENGTH_MAX)
    problems.push(`must be no more than ${KEY_LENGTH_MAX} characters`);
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) problems.push(KEY_RULE);
  if (key === '.' || key === '..') problems.push(`must not be '${key}'`);
  else if (key.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

/** What a Secret's type says that it has. */
function typeProblems({ type, data = {}, metadata }: Secret): FieldError[] {
  const must = (key: string): FieldError[] =>
    Object.hasOwn(data, key) ? [] : [required(`data[${key}]`)];
  switch (type) {
    case 'kubernetes.io/service-account-token': {
      const annotation = 'kubernetes.io/service-account.name';
      return metadata.annotations?.[annotation]
        ? []
        : [required(`metadata.annotations[${annotation}]`)];
    }
    case 'kubernetes.io/dockercfg':
      return registryProblems('.dockercfg', data);
    case 'kubernetes.io/dockerconfigjson':
      return registryProblems('.dockerconfigjson', data);
    case 'kubernetes.io/basic-auth':
      return Object.hasOwn(data, 'username') || Object.hasOwn(data, 'password')
        ? []
        : [...must('username'), ...must('password')];
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return [...must('tls.crt'), ...must('tls.key')];
    default:
      return [];
  }
}

/** Credentials of registries must be readable as JSON, and are never shown. */
function registryProblems(key: string, data: Readonly<Record<string, string>>): FieldError[] {
  const text = data[key];
  if (text === undefined) return [required(`data[${key}]`)];
  try {
    const value: unknown = JSON.parse(atob(text));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [];
    return [invalid(`data[${key}]`, '<secret contents redacted>', 'json: not an object')];
  } catch {
    return [invalid(`data[${key}]`, '<secret contents redacted>', 'json: cannot be read')];
  }
}

/** Both kinds freeze their data, and the switch itself, once `immutable` is set. */
function validateImmutable(object: ConfigMap | Secret, { old }: AdmissionContext): FieldError[] {
  const before: ConfigMap | Secret | undefined = old;
  if (before?.immutable !== true) return [];
  const rule = 'field is immutable when `immutable` is set';
  const binaryOf = (item: ConfigMap | Secret): Record<string, string> =>
    ('binaryData' in item && item.binaryData) || {};
  return [
    ...(object.immutable === true ? [] : [forbidden('immutable', rule)]),
    ...(isSameStringMap(object.data, before.data) ? [] : [forbidden('data', rule)]),
    ...(isSameStringMap(binaryOf(object), binaryOf(before)) ? [] : [forbidden('binaryData', rule)]),
  ];
}
