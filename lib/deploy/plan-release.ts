/**
 * What a deployment has to do: desired objects against those on the API, as data. Pure.
 */
import { brokerKind, type Broker } from '../../runtime/apis/eventing/types.ts';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { serviceKind, type Service } from '../../runtime/apis/serving/types.ts';
import { releaseLabel, serviceLabel, stageLabel } from '../compile/object-labels.ts';
import type { ServiceModel } from '../config/service-model.ts';
import { UserError } from '../user-error.ts';
import { objectKey } from './managed-kinds.ts';
import { digestOf, type AppliedObject } from './release-record.ts';

/** On a template whose last rollout failed and that did not change: asks for a new attempt. */
export const retryAnnotation = 'knit.dev/retry';

export interface ReleasePlan {
  /** With the release label, ready to be applied. */
  readonly apply: readonly KubeObject[];
  /** As on the API. */
  readonly unchanged: readonly KubeObject[];
  /** As on the API, in the order of deletion. */
  readonly prune: readonly KubeObject[];
}

export interface PlanInput {
  readonly model: Pick<ServiceModel, 'service' | 'stage' | 'namespace'>;
  readonly releaseId: string;
  readonly desired: readonly KubeObject[];
  /** Everything of the managed kinds in the namespace, whoever made it. */
  readonly live: readonly KubeObject[];
  /** Of the last release. */
  readonly applied: Readonly<Record<string, AppliedObject>>;
  /** Applies everything, changed or not. */
  readonly isForced?: boolean;
}

/** @throws {UserError} when an object of that name belongs to somebody else. */
export function planRelease(input: PlanInput): ReleasePlan {
  const live = new Map(input.live.map((object) => [objectKey(object), object]));
  const apply: KubeObject[] = [];
  const unchanged: KubeObject[] = [];
  const wanted = new Set<string>();
  for (const object of input.desired) {
    const key = objectKey(object);
    wanted.add(key);
    const current = live.get(key);
    if (current && !isOwn(current, input.model)) {
      // A broker is a meeting point: several services of a namespace may name the same one.
      if (current.kind !== brokerKind.kind) throw foreignObject(object, current);
      unchanged.push(current);
    } else if (current && !input.isForced && isUnchanged(object, current, input.applied[key])) {
      if (hasFailedRollout(current)) apply.push(stamp(withRetry(object, input.releaseId), input));
      else unchanged.push(current);
    } else apply.push(stamp(object, input));
  }
  const prune = input.live.filter(
    (object) =>
      isOwn(object, input.model) && !wanted.has(objectKey(object)) && !isInUse(object, input),
  );
  return { apply, unchanged, prune: prune.reverse() };
}

/** Whether a deployment of this service and stage made the object. */
export const isOwn = (
  object: KubeObject,
  model: Pick<ServiceModel, 'service' | 'stage'>,
): boolean =>
  object.metadata.labels?.[serviceLabel] === model.service &&
  object.metadata.labels[stageLabel] === model.stage;

function isUnchanged(
  object: KubeObject,
  current: KubeObject,
  applied: AppliedObject | undefined,
): boolean {
  return (
    current.metadata.deletionTimestamp === undefined &&
    applied !== undefined &&
    applied.generation === (current.metadata.generation ?? 0) &&
    applied.digest === digestOf(object)
  );
}

/** The last revision failed, so that applying the same template again would change nothing. */
function hasFailedRollout(object: KubeObject): boolean {
  if (object.kind !== serviceKind.kind) return false;
  const { status } = object as Service;
  return getCondition(status?.conditions, 'ConfigurationsReady')?.status === 'False';
}

function withRetry(object: KubeObject, releaseId: string): KubeObject {
  const service = object as Service;
  const { template } = service.spec;
  const annotations = { ...template.metadata?.annotations, [retryAnnotation]: releaseId };
  return {
    ...service,
    spec: {
      ...service.spec,
      template: { ...template, metadata: { ...template.metadata, annotations } },
    },
  } as Service;
}

const stamp = (object: KubeObject, { releaseId }: PlanInput): KubeObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    labels: { ...object.metadata.labels, [releaseLabel]: releaseId },
  },
});

/** A broker that a trigger of somebody else reads stays. */
function isInUse(object: KubeObject, input: PlanInput): boolean {
  if (object.kind !== brokerKind.kind) return false;
  const broker = object as Broker;
  return input.live.some(
    (other) =>
      !isOwn(other, input.model) &&
      (other as { spec?: { broker?: unknown } }).spec?.broker === broker.metadata.name,
  );
}

function foreignObject(object: KubeObject, current: KubeObject): UserError {
  const owner = current.metadata.labels?.[serviceLabel];
  const { namespace = '', name } = object.metadata;
  return new UserError(
    `${object.kind} "${namespace}/${name}" exists already and belongs to ` +
      (owner === undefined
        ? 'nobody that Knit knows'
        : `service "${owner}" stage "${current.metadata.labels?.[stageLabel] ?? ''}"`) +
      '. Nothing was changed. Rename the function, or set another "provider.namespace".',
    'KNIT_FOREIGN_OBJECT',
  );
}
