/**
 * The conversation with a conversion webhook as data: the question, what counts as an answer, and
 * what of an object the webhook may not touch. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/conversion (behaviour, words).
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import { isJsonObject, type JsonObject } from '../json-value.ts';

const REVIEW_GROUP = 'apiextensions.k8s.io';
const reviewKind = 'ConversionReview';

/** `group/version, Kind=kind`, as upstream's messages name a kind. */
export const formatKind = (apiVersion: unknown, kind: unknown): string =>
  `${typeof apiVersion === 'string' ? apiVersion : ''}, Kind=${typeof kind === 'string' ? kind : ''}`;

export interface ConversionQuestion {
  /** In the webhook's order of preference. */
  readonly reviewVersions: readonly string[];
  /** None of them is in the desired version. */
  readonly objects: readonly KubeObject[];
  readonly desiredApiVersion: string;
  readonly uid: string;
}

/** @throws {Error} when the webhook speaks no version that this server speaks. */
export function makeConversionReview(question: ConversionQuestion): JsonObject {
  const { reviewVersions, objects, desiredApiVersion, uid } = question;
  const version = reviewVersions.find((one) => one === 'v1' || one === 'v1beta1');
  if (version === undefined) throw new Error('no supported conversion review versions');
  return {
    kind: reviewKind,
    apiVersion: `${REVIEW_GROUP}/${version}`,
    request: { uid, desiredAPIVersion: desiredApiVersion, objects },
  };
}

/**
 * The converted objects, one for each that was asked for and in their order.
 * @param review what was asked. @throws {Error} whose message begins with `conversion webhook for`.
 */
export function readConvertedObjects(
  answer: unknown,
  review: JsonObject,
  { objects, desiredApiVersion, uid }: ConversionQuestion,
): KubeObject[] {
  const [first] = objects;
  const subject = `conversion webhook for ${formatKind(first?.apiVersion, first?.kind)}`;
  let converted: readonly unknown[];
  try {
    converted = readResponse(answer, review['apiVersion'], uid);
  } catch (error) {
    throw new Error(`${subject} failed: ${(error as Error).message}`, { cause: error });
  }
  if (converted.length !== objects.length)
    throw new Error(`${subject} returned ${converted.length} objects, expected ${objects.length}`);
  // Upstream asks for single objects mostly, and words it so.
  const place = objects.length > 1;
  return objects.map((original, index) => {
    const at = place ? ` converted object at index ${index}` : ' object';
    const next = converted[index];
    const problem = checkKind(original, next, desiredApiVersion);
    if (problem !== undefined)
      throw new Error(
        `${subject} returned invalid${place ? at : ' object at index 0'}: ${problem}`,
      );
    const object = next as JsonObject;
    const mismatch = checkIdentity(original, object);
    if (mismatch !== undefined) throw new Error(`${subject} returned invalid${at}: ${mismatch}`);
    try {
      return { ...object, metadata: mergeMetadata(original, object) } as unknown as KubeObject;
    } catch (error) {
      const where = place ? ` in object at index ${index}` : '';
      throw new Error(`${subject} returned invalid metadata${where}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  });
}

function readResponse(answer: unknown, apiVersion: unknown, uid: string): readonly unknown[] {
  const review = isJsonObject(answer) ? answer : {};
  // v1beta1 never checked who answers what, and webhooks of its time rely on that.
  const isStrict = apiVersion === `${REVIEW_GROUP}/v1`;
  if (isStrict && (review['apiVersion'] !== apiVersion || review['kind'] !== reviewKind))
    throw new Error(
      `expected webhook response of ${formatKind(apiVersion, reviewKind)}, got ${formatKind(review['apiVersion'], review['kind'])}`,
    );
  const { response } = review;
  if (!isJsonObject(response)) throw new Error('no response provided');
  if (isStrict && response['uid'] !== uid)
    throw new Error(
      `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`,
    );
  const result = isJsonObject(response['result']) ? response['result'] : {};
  const { status, message } = result;
  if (status !== 'Success') {
    if (typeof message === 'string' && message !== '') throw new Error(message);
    throw new Error(
      `response.result.status was '${typeof status === 'string' ? status : ''}', not 'Success'`,
    );
  }
  const { convertedObjects } = response;
  return Array.isArray(convertedObjects) ? convertedObjects : [];
}

function checkKind(
  original: KubeObject,
  converted: unknown,
  desiredApiVersion: string,
): string | undefined {
  const { apiVersion, kind } = isJsonObject(converted) ? converted : {};
  if (apiVersion !== desiredApiVersion)
    return `invalid groupVersion (expected ${desiredApiVersion}, received ${typeof apiVersion === 'string' ? apiVersion : ''})`;
  if (kind !== original.kind)
    return `invalid kind (expected ${original.kind}, received ${typeof kind === 'string' ? kind : ''})`;
  return undefined;
}

/** A conversion yields the same object: whoever holds its address must find it again. */
function checkIdentity(original: KubeObject, converted: JsonObject): string | undefined {
  const metadata = isJsonObject(converted['metadata']) ? converted['metadata'] : {};
  for (const [key, text] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const before = original.metadata[key] ?? '';
    const value = metadata[key];
    const after = typeof value === 'string' ? value : '';
    if (before !== after) return `must have the same ${text}: ${before} != ${after}`;
  }
  return undefined;
}

/** Labels and annotations are the webhook's to change; everything else of the metadata stays. */
function mergeMetadata(original: KubeObject, converted: JsonObject): JsonObject {
  const { metadata } = converted;
  if (metadata === undefined) throw new Error('missing metadata in converted object');
  if (!isJsonObject(metadata))
    throw new Error(`invalid metadata of type ${goType(metadata)} in converted object`);
  const merged = { ...original.metadata } as unknown as JsonObject;
  for (const field of ['labels', 'annotations']) {
    const values = metadata[field];
    delete merged[field];
    if (values === undefined || values === null) continue;
    if (!isJsonObject(values))
      throw new Error(`invalid metadata.${field} of type ${goType(values)} in converted object`);
    for (const [key, value] of Object.entries(values))
      if (typeof value !== 'string')
        throw new Error(
          `metadata.${field}[${key}] must be a string, but is ${goType(value)} in converted object`,
        );
    merged[field] = values;
  }
  return merged;
}

/** What upstream's messages call a JSON value's type. */
function goType(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'map[string]interface {}';
}
