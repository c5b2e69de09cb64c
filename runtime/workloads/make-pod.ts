/** Pods from templates: names, labels, owner. Pure. */
import type { Pod, PodTemplateSpec } from '../apis/core/types.ts';
import { podKind } from '../apis/core/types.ts';
import type { KubeObject, ResourceKind } from '../apis/meta/object.ts';
import { apiVersionOf, controllerRef } from '../apis/meta/object.ts';
import type { Action } from '../kube/plan.ts';
import type { Random } from '../std/random.ts';

/** Leaves room for the random suffix within 63 characters, so that the name fits a label. */
const PREFIX_LENGTH_MAX = 58;
const SUFFIX_LENGTH = 5;
/** No vowels, so that no words appear. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

export interface PodOptions {
  readonly owner: KubeObject;
  readonly ownerKind: ResourceKind;
  readonly template: PodTemplateSpec;
  readonly name: string;
  /**
   * Set on a home of one node, where placing the pod at once saves the scheduler's round trip;
   * undefined leaves it to the scheduler.
   */
  readonly nodeName: string | undefined;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** `<prefix>-<five random characters>`, as the API server generates names. */
export function randomName(prefix: string, random: Random): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++)
    suffix += SUFFIX_ALPHABET[Math.floor(random() * SUFFIX_ALPHABET.length)];
  return `${`${prefix}-`.slice(0, PREFIX_LENGTH_MAX)}${suffix}`;
}

export function makePod(options: PodOptions): Pod {
  const { owner, ownerKind, template, name, nodeName } = options;
  const annotations = { ...template.metadata?.annotations, ...options.annotations };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: owner.metadata.namespace ?? '',
      labels: { ...template.metadata?.labels, ...options.labels },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ownerReferences: [ownerRefOf(owner, ownerKind)],
    },
    spec: nodeName === undefined ? template.spec : { ...template.spec, nodeName },
  };
}

/** Items of a list carry no type on a real API server: the kind is the caller's to know. */
export const ownerRefOf = (owner: KubeObject, kind: ResourceKind) => ({
  ...controllerRef(owner),
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
});

export const createPod = (pod: Pod): Action => ({ type: 'create', kind: podKind, object: pod });

export const deletePod = ({ metadata }: Pod): Action => ({
  type: 'delete',
  kind: podKind,
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid,
});
