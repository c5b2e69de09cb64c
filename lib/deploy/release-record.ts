/**
 * The history of releases on the API: one Secret each, because compiled objects carry the functions'
 * environment. Rollback, pruning and "nothing changed" work from it alone, on any machine.
 */
import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { secretKind, type Secret } from '../../runtime/apis/core/types.ts';
import { childName } from '../../runtime/apis/meta/child-name.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { ownLabels, ownSelector } from '../compile/object-labels.ts';
import { toObjectName } from '../config/function-name.ts';
import type { ServiceModel } from '../config/service-model.ts';

/** What was applied last for one object. */
export interface AppliedObject {
  /** Of the object as compiled. */
  readonly digest: string;
  /** `metadata.generation` after the apply: another value means that somebody else changed the spec. */
  readonly generation: number;
}

export interface Release {
  /** Milliseconds since the epoch, as `rollback --timestamp` takes it. */
  readonly id: string;
  readonly status: 'deployed' | 'failed';
  /** Of a rollback: the release that it restored. */
  readonly restores?: string;
  readonly model: ServiceModel;
  readonly objects: readonly KubeObject[];
  /** By object key. */
  readonly applied: Readonly<Record<string, AppliedObject>>;
  /** Function key to the image that it runs. */
  readonly images: Readonly<Record<string, string>>;
  /** Build input digest to image: builds that need not run again. */
  readonly builds: Readonly<Record<string, string>>;
}

/** As many as AWS users keep with the prune plugin's usual setting and more than one looks at. */
export const RELEASES_MAX = 10;
const recordLabel = 'knit.dev/record';
const recordKey = 'release';

type Identity = Pick<ServiceModel, 'service' | 'stage' | 'namespace'>;

/** Newest first. Records that cannot be read are left out: an older version's must not block. */
export async function listReleases(client: KubeClient, of: Identity): Promise<readonly Release[]> {
  const { items } = await client.list(secretKind, {
    namespace: of.namespace,
    labelSelector: `${ownSelector(of)},${recordLabel}=${recordKey}`,
  });
  return items
    .map(decodeRelease)
    .filter((release) => release !== undefined)
    .sort((a, b) => Number(b.id) - Number(a.id));
}

/** Stores the release and drops the oldest beyond `RELEASES_MAX`. */
export async function saveRelease(
  client: KubeClient,
  release: Release,
  earlier: readonly Release[],
): Promise<void> {
  await client.create(secretKind, encodeRelease(release));
  const surplus = earlier.slice(RELEASES_MAX - 1);
  await Promise.all(surplus.map((old) => deleteRelease(client, old)));
}

export const deleteRelease = (client: KubeClient, release: Release): Promise<void> =>
  client.delete(secretKind, {
    namespace: release.model.namespace,
    name: recordName(release.model, release.id),
  });

const recordName = (of: Identity, id: string): string =>
  childName(`knit-release-${toObjectName(`${of.service}-${of.stage}`)}`, `-${id}`);

/** Pure; the inverse of `decodeRelease`. */
export function encodeRelease(release: Release): Secret {
  const content = gzipSync(JSON.stringify(release)).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: recordName(release.model, release.id),
      namespace: release.model.namespace,
      labels: { ...ownLabels(release.model), [recordLabel]: recordKey },
    },
    type: 'knit.dev/release',
    data: { [recordKey]: content },
  };
}

export function decodeRelease(secret: Secret): Release | undefined {
  try {
    const content = Buffer.from(secret.data?.[recordKey] ?? '', 'base64');
    return JSON.parse(gunzipSync(content).toString('utf8')) as Release;
  } catch {
    return undefined;
  }
}

/** Of an object as compiled, before it gets its release label. */
export const digestOf = (object: KubeObject): string =>
  createHash('sha256').update(JSON.stringify(object)).digest('hex');
