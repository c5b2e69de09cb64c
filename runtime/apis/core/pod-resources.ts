/**
 * What a whole Pod asks for and is limited to: its containers together, or the most that an init
 * container needs before them. Pure. Source: k8s.io/component-helpers resource/helpers.go (behaviour).
 */
import { addResources, maxResources, type ResourceList } from './resource-list.ts';
import type { PodSpec } from './types.ts';

/** Resources that a Pod may state for all of its containers at once. */
const podLevelResources = new Set(['cpu', 'memory']);

export interface PodResources {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

export const podResources = (spec: PodSpec): PodResources => ({
  requests: totalOf(spec, 'requests'),
  limits: totalOf(spec, 'limits'),
});

function totalOf(spec: PodSpec, part: 'requests' | 'limits'): ResourceList {
  let total: ResourceList = {};
  for (const { resources } of spec.containers) total = addResources(total, resources?.[part] ?? {});
  // An init container that restarts goes on beside the others, and beside those that follow it.
  let lasting: ResourceList = {};
  let before: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[part] ?? {};
    if ((container as { restartPolicy?: string }).restartPolicy === 'Always') {
      total = addResources(total, own);
      lasting = addResources(lasting, own);
      before = maxResources(before, lasting);
    } else before = maxResources(before, addResources(own, lasting));
  }
  total = maxResources(total, before);
  const own = (spec['resources'] as Partial<PodResources> | undefined)?.[part] ?? {};
  const overrides = Object.entries(own).filter(([name]) => podLevelResources.has(name));
  return { ...total, ...Object.fromEntries(overrides) };
}
