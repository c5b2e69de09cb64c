/** Whether a Pod says that it is ready. Pure. */
import type { Pod } from './types.ts';

export const readyCondition = ({ status }: Pod) =>
  status?.conditions?.find(({ type }) => type === 'Ready');

export const isPodReady = (pod: Pod): boolean => readyCondition(pod)?.status === 'True';
