/** The `scale` subresource: an `autoscaling/v1` Scale read from, and written to, a kind's own fields. Pure. */
import type { KubeObject } from '../apis/meta/object.ts';
import { cloneJson, getPath, isJsonObject, withPath } from './json-value.ts';
import type { Resource } from './kind-registry.ts';
import { formatLabelSelector } from './label-selector.ts';
import { StatusError } from './status-error.ts';

export interface Scale extends KubeObject {
  spec: { replicas?: number };
  status: { replicas: number; selector?: string };
}

/** @throws {StatusError} 404 when the kind has no scale. */
export function toScale(resource: Resource, object: KubeObject): Scale {
  const paths = scalePaths(resource);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = getPath(object, paths.spec);
  const selector = paths.selector === undefined ? undefined : getPath(object, paths.selector);
  const text = typeof selector === 'string' ? selector : formatLabelSelector(selector);
  const meta = { name, namespace, uid, resourceVersion, creationTimestamp };
  return cloneJson({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: meta,
    spec: { replicas: typeof replicas === 'number' ? replicas : undefined },
    status: {
      replicas: Number(getPath(object, paths.status) ?? 0),
      selector: text === '' ? undefined : text,
    },
  }) as Scale;
}

/** As upstream, which takes no kind of a CRD for scaled before somebody did. @throws {StatusError} 500 */
export function assertScaled(resource: Resource, object: KubeObject): void {
  const { spec } = scalePaths(resource);
  if (resource.custom && getPath(object, spec) === undefined)
    throw StatusError.internal(`the spec replicas field ".${spec}" does not exist`);
}

/** The object with the replicas of a Scale, under the Scale's own preconditions. @throws {StatusError} 400, 422 */
export function withScale(resource: Resource, object: KubeObject, scale: unknown): KubeObject {
  const paths = scalePaths(resource);
  // As with every body, kind and version that are left out are those of the path.
  const { kind = 'Scale', apiVersion = 'autoscaling/v1' } = isJsonObject(scale) ? scale : {};
  if (!isJsonObject(scale) || kind !== 'Scale' || apiVersion !== 'autoscaling/v1')
    throw StatusError.badRequest('the body must be an autoscaling/v1 Scale');
  const replicas = getPath(scale, 'spec.replicas') ?? 0;
  // Of a kind that a CRD brought, the object itself is judged.
  if (
    !resource.custom &&
    (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0)
  )
    throw StatusError.invalid({ group: 'autoscaling', kind: 'Scale' }, object.metadata.name, [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(replicas)}: must be an integer greater than or equal to 0`,
        field: 'spec.replicas',
      },
    ]);
  const scaled = withPath(object, paths.spec, replicas) as unknown as KubeObject;
  const resourceVersion = getPath(scale, 'metadata.resourceVersion');
  const uid = getPath(scale, 'metadata.uid');
  return {
    ...scaled,
    metadata: {
      ...scaled.metadata,
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
      ...(typeof uid === 'string' ? { uid } : {}),
    },
  };
}

function scalePaths(resource: Resource): NonNullable<Resource['definition']['scale']> {
  const { scale } = resource.definition;
  if (!scale) throw StatusError.unknownPath();
  return scale;
}
