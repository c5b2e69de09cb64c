/**
 * The history of a StatefulSet or DaemonSet: a ControllerRevision for each template, numbered by when
 * it was last in use, which `kubectl rollout history` and `undo` read. Pure. Orphans are not adopted.
 * Source: k8s.io/kubernetes pkg/controller/history, pkg/controller/statefulset (behaviour, form of data).
 */
import { type ControllerRevision, controllerRevisionKind } from '../apis/apps/types.ts';
import type { PodTemplateSpec } from '../apis/core/types.ts';
import { isSameValue } from '../apis/meta/field-rule.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import type { Action } from '../kube/plan.ts';
import { templateHash } from './deployment/new-replica-set.ts';
import { ownerRefOf } from './make-pod.ts';

const HISTORY_LIMIT_DEFAULT = 10;
/** How often another name is tried for a template whose hash is taken. */
const COLLISIONS_MAX = 100;

export interface RevisionInput {
  readonly owner: KubeObject & {
    spec: { template: PodTemplateSpec; revisionHistoryLimit?: number };
    status?: { collisionCount?: number };
  };
  readonly ownerKind: ResourceKind;
  /** The label that carries a revision's hash. */
  readonly hashLabel: string;
  /** All revisions of the namespace. */
  readonly revisions: readonly ControllerRevision[];
  /** Names or hashes of revisions that must stay: Pods are of them, or the status names them. */
  readonly live: ReadonlySet<string>;
}

export interface RevisionPlan {
  /** Name and hash of the present template's revision. */
  readonly name: string;
  readonly hash: string;
  /** To carry out before any Pod is made of the revision. */
  readonly actions: readonly Action[];
  readonly collisionCount: number | undefined;
  /** @returns undefined for a revision that is not known. */
  templateOf(name: string): PodTemplateSpec | undefined;
}

export function planRevisions(input: RevisionInput): RevisionPlan {
  const { owner, revisions } = input;
  const own = revisions
    .filter(({ metadata }) =>
      metadata.ownerReferences?.some((ref) => ref.controller && ref.uid === owner.metadata.uid),
    )
    .sort((a, b) => a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1));
  const data = dataOf(owner.spec.template);
  const latest = own.at(-1);
  const found = own.findLast((revision) => isSameValue(revision.data, data));
  const collisions = owner.status?.collisionCount;
  const templateOf = (name: string): PodTemplateSpec | undefined => {
    const revision = own.find(({ metadata }) => metadata.name === name);
    return revision ? readTemplate(revision) : undefined;
  };
  const number = (latest?.revision ?? 0) + 1;
  if (found) {
    const { name } = found.metadata;
    const hash = hashOf(input, found);
    const renewal = found === latest ? [] : [renumber(found, number)];
    const actions = [...renewal, ...forget(input, own, name)];
    return { name, hash, actions, collisionCount: collisions, templateOf };
  }
  const birth = makeRevision(input, number, collisions ?? 0);
  const actions: Action[] = [
    { type: 'create', kind: controllerRevisionKind, object: birth.object },
    ...forget(input, own, birth.object.metadata.name),
  ];
  return {
    name: birth.object.metadata.name,
    hash: birth.hash,
    actions,
    collisionCount: birth.collisionCount || collisions,
    templateOf,
  };
}

/** A strategic merge patch that brings the template back, as upstream stores it. */
const dataOf = (template: PodTemplateSpec): object => ({
  spec: { template: { ...template, $patch: 'replace' } },
});

function readTemplate({ data }: ControllerRevision): PodTemplateSpec | undefined {
  const { template } = (data as { spec?: { template?: PodTemplateSpec & { $patch?: string } } })
    ?.spec ?? { template: undefined };
  if (!template) return undefined;
  const { $patch: _patch, ...rest } = template;
  return rest;
}

const hashOf = ({ hashLabel, owner }: RevisionInput, { metadata }: ControllerRevision): string =>
  metadata.labels?.[hashLabel] ?? metadata.name.slice(owner.metadata.name.length + 1);

function makeRevision(
  { owner, ownerKind, hashLabel, revisions }: RevisionInput,
  revision: number,
  collisions: number,
): { object: ControllerRevision; hash: string; collisionCount: number } {
  const { template } = owner.spec;
  const { name, namespace = '', annotations } = owner.metadata;
  const taken = new Set(revisions.map(({ metadata }) => metadata.name));
  let collisionCount = collisions;
  let hash = templateHash(template, collisionCount);
  while (taken.has(`${name}-${hash}`) && collisionCount < collisions + COLLISIONS_MAX)
    hash = templateHash(template, ++collisionCount);
  const object: ControllerRevision = {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      // The owner's selector must find it.
      labels: { ...template.metadata?.labels, [hashLabel]: hash },
      ...(annotations ? { annotations } : {}),
      ownerReferences: [ownerRefOf(owner, ownerKind)],
    },
    data: dataOf(template),
    revision,
  };
  return { object, hash, collisionCount };
}

/** A template that comes back is the newest again. */
const renumber = ({ metadata }: ControllerRevision, revision: number): Action => ({
  type: 'patch',
  kind: controllerRevisionKind,
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  patchType: 'merge',
  body: { revision },
});

/** The oldest revisions beyond the history that is to be kept; those in use do not count. */
function forget(
  input: RevisionInput,
  own: readonly ControllerRevision[],
  present: string,
): readonly Action[] {
  const { live, owner } = input;
  const past = own.filter(
    (revision) =>
      revision.metadata.name !== present &&
      !live.has(revision.metadata.name) &&
      !live.has(hashOf(input, revision)),
  );
  const limit = owner.spec.revisionHistoryLimit ?? HISTORY_LIMIT_DEFAULT;
  return past.slice(0, Math.max(0, past.length - limit)).map(({ metadata }): Action => ({
    type: 'delete',
    kind: controllerRevisionKind,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid,
  }));
}
