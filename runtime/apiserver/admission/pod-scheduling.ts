/**
 * What a new Pod is given for a scheduler and a node's keeper: the priority of its class, what its
 * runtime class says, and the two tolerations by which it outlives a node's short absence. Says which
 * PriorityClass may be everybody's default. Source: k8s.io/kubernetes plugin/pkg/admission
 * {priority,runtimeclass,defaulttolerationseconds} (behaviour, words).
 */
import type { Pod, PodSpec } from '../../apis/core/types.ts';
import { isSameValue } from '../../apis/meta/field-rule.ts';
import {
  priorityClassKind,
  runtimeClassKind,
  type PriorityClass,
  type RuntimeClass,
} from '../../apis/scheduling/types.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission-chain.ts';

const PRIORITY_CLASSES = `${priorityClassKind.group}/${priorityClassKind.plural}`;
const RUNTIME_CLASSES = `${runtimeClassKind.group}/${runtimeClassKind.plural}`;
const TOLERATION_SECONDS = 300;
const PREEMPTION_DEFAULT = 'PreemptLowerPriority';

interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
  readonly tolerationSeconds?: number;
}

const absences: readonly Toleration[] = ['not-ready', 'unreachable'].map((state) => ({
  key: `node.kubernetes.io/${state}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: TOLERATION_SECONDS,
}));

export function makePodScheduling(store: Store): AdmissionPlugin {
  return {
    mutate(request) {
      const { resource, subresource, object, oldObject } = request;
      if (resource.storeName !== '/pods' || subresource !== undefined || !object) return object;
      const pod = object as Pod;
      // A client that knows nothing of these fields sends them back empty.
      if (request.operation === 'UPDATE') return keptFields(pod, oldObject as Pod);
      if (request.operation !== 'CREATE' || !isObject(pod.spec)) return object;
      const spec: PodSpec = { ...pod.spec, ...priorityOf(request, pod.spec) };
      applyRuntimeClass(request, spec);
      spec['tolerations'] = withAbsences(spec['tolerations'] as readonly Toleration[] | undefined);
      return { ...pod, spec };
    },
    validate(request) {
      const { resource, operation, object, subresource } = request;
      if (resource.storeName !== PRIORITY_CLASSES || subresource !== undefined) return;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      const { metadata, globalDefault } = object as PriorityClass;
      const present = globalDefault === true ? defaultClass() : undefined;
      if (present && present.metadata.name !== metadata.name)
        throw StatusError.forbidden(
          resource,
          metadata.name,
          `PriorityClass ${present.metadata.name} is already marked as default. Only one default can exist`,
        );
    },
  };

  /** @throws {StatusError} 403 */
  function priorityOf(request: AdmissionRequest, spec: PodSpec): Partial<PodSpec> {
    const name = (spec['priorityClassName'] as string | undefined) ?? '';
    const found =
      name === '' ? defaultClass() : (store.get(PRIORITY_CLASSES, '', name) as PriorityClass);
    if (name !== '' && !found)
      throw refusal(request, `no PriorityClass with name ${name} was found`);
    const priority = found?.value ?? 0;
    const preemptionPolicy = found?.preemptionPolicy ?? PREEMPTION_DEFAULT;
    if (spec['priority'] !== undefined && spec['priority'] !== priority)
      throw refusal(
        request,
        `the integer value of priority (${String(spec['priority'])}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
      );
    if (spec['preemptionPolicy'] !== undefined && spec['preemptionPolicy'] !== preemptionPolicy)
      throw refusal(
        request,
        `the string value of PreemptionPolicy (${String(spec['preemptionPolicy'])}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
      );
    return {
      ...(found ? { priorityClassName: found.metadata.name } : {}),
      priority,
      preemptionPolicy,
    };
  }

  /** Of several, which only a race can make, the lowest. */
  function defaultClass(): PriorityClass | undefined {
    return (store.list(PRIORITY_CLASSES) as readonly PriorityClass[])
      .filter(({ globalDefault }) => globalDefault === true)
      .sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }

  /** Changes `spec`. @throws {StatusError} 403 */
  function applyRuntimeClass(request: AdmissionRequest, spec: PodSpec): void {
    const name = spec['runtimeClassName'];
    const found: RuntimeClass | undefined =
      typeof name === 'string' ? store.get(RUNTIME_CLASSES, '', name) : undefined;
    if (typeof name === 'string' && !found)
      throw refusal(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
    const overhead = found?.overhead?.podFixed;
    if (overhead) {
      if (spec['overhead'] !== undefined && !isSameValue(spec['overhead'], overhead))
        throw refusal(
          request,
          "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        );
      spec['overhead'] = overhead;
    }
    const { nodeSelector, tolerations } = found?.scheduling ?? {};
    const own = (spec['nodeSelector'] ?? {}) as Readonly<Record<string, string>>;
    for (const [key, value] of Object.entries(nodeSelector ?? {}))
      if (own[key] !== undefined && own[key] !== value)
        throw refusal(
          request,
          `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own[key]}`,
        );
    if (nodeSelector) spec['nodeSelector'] = { ...own, ...nodeSelector };
    if (tolerations) {
      const present = (spec['tolerations'] ?? []) as readonly unknown[];
      const more = tolerations.filter((one) => !present.some((other) => isSameValue(one, other)));
      spec['tolerations'] = [...present, ...more];
    }
  }
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;

const refusal = ({ resource, name }: AdmissionRequest, problem: string): StatusError =>
  StatusError.forbidden(resource, name, problem);

function keptFields(pod: Pod, old: Pod): Pod {
  if (pod.spec === old.spec) return pod;
  const kept: Record<string, unknown> = {};
  for (const field of ['priority', 'preemptionPolicy'] as const)
    if (isObject(pod.spec) && pod.spec[field] === undefined && old.spec[field] !== undefined)
      kept[field] = old.spec[field];
  const own = pod.spec?.['tolerations'] as readonly Toleration[] | undefined;
  const tolerations = withAbsences(own);
  if (tolerations !== own) kept['tolerations'] = tolerations;
  return Object.keys(kept).length === 0 ? pod : { ...pod, spec: { ...pod.spec, ...kept } };
}

/** Who tolerates one of the two states already, in whatever way, is left to it. */
function withAbsences(own: readonly Toleration[] = []): readonly Toleration[] {
  if (!Array.isArray(own)) return own;
  const missing = absences.filter(
    ({ key }) =>
      !own.some(
        (one) => (one.key === key || !one.key) && (one.effect === 'NoExecute' || !one.effect),
      ),
  );
  return missing.length === 0 ? own : [...own, ...missing];
}
