/**
 * LimitRanges: containers of new Pods get the defaults of their namespace, and what lies outside of
 * its limits is refused, as are claims. Running Pods are left alone.
 * Source: k8s.io/kubernetes plugin/pkg/admission/limitranger (behaviour, words).
 */
import { podResources } from '../../apis/core/pod-resources.ts';
import { compareResources, quantityOf, type ResourceList } from '../../apis/core/resource-list.ts';
import {
  limitRangeKind,
  type Container,
  type LimitRange,
  type LimitRangeItem,
  type PersistentVolumeClaim,
  type Pod,
} from '../../apis/core/types.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission-chain.ts';

const RANGES = `${limitRangeKind.group}/${limitRangeKind.plural}`;
const ANNOTATION = 'kubernetes.io/limit-ranger';

export function makeLimitRanger(store: Store): AdmissionPlugin {
  const rangesOf = ({ namespace }: AdmissionRequest): readonly LimitRange[] =>
    store.count(RANGES) === 0 ? [] : store.list(RANGES, namespace);
  return {
    mutate(request) {
      const { resource, subresource, operation, object } = request;
      const isNewPod = resource.storeName === '/pods' && operation === 'CREATE';
      if (!isNewPod || subresource !== undefined || !object) return object;
      return rangesOf(request).reduce(withDefaults, object as Pod);
    },
    validate(request) {
      const { resource, subresource, operation, object, oldObject, name } = request;
      if (subresource !== undefined || !object || oldObject?.metadata.deletionTimestamp) return;
      const isPod = resource.storeName === '/pods' && operation === 'CREATE';
      const isClaim =
        resource.storeName === '/persistentvolumeclaims' &&
        (operation === 'CREATE' || operation === 'UPDATE');
      if (!isPod && !isClaim) return;
      for (const { spec } of rangesOf(request)) {
        const problems = (spec?.limits ?? []).flatMap((limit) =>
          isPod ? podProblems(limit, object as Pod) : claimProblems(limit, object as never),
        );
        if (problems.length > 0) throw StatusError.forbidden(resource, name, joined(problems));
      }
    },
  };
}

/** One problem stands alone, several as a list without repetitions. */
function joined(problems: readonly string[]): string {
  const distinct = [...new Set(problems)];
  return distinct.length === 1 ? (distinct[0] ?? '') : `[${distinct.join(', ')}]`;
}

function withDefaults(pod: Pod, { spec }: LimitRange): Pod {
  const items = (spec?.limits ?? []).filter(({ type }) => type === 'Container');
  const requests: ResourceList = Object.assign({}, ...items.map((item) => item.defaultRequest));
  const limits: ResourceList = Object.assign({}, ...items.map((item) => item.default));
  const notes: string[] = [];
  const extend =
    (what: string) =>
    (container: Container): Container => {
      const { resources = {}, name } = container;
      const added = (
        part: 'request' | 'limit',
        defaults: ResourceList,
        own: ResourceList = {},
      ): ResourceList => {
        const names = Object.keys(defaults).filter((key) => own[key] === undefined);
        if (names.length > 0) notes.push(`${names.sort().join(', ')} ${part} for ${what} ${name}`);
        return names.length === 0 ? own : { ...defaults, ...own };
      };
      const count = notes.length;
      const given = {
        requests: added('request', requests, resources.requests),
        limits: added('limit', limits, resources.limits),
      };
      return notes.length === count
        ? container
        : { ...container, resources: { ...resources, ...given } };
    };
  const containers = pod.spec.containers.map(extend('container'));
  const initContainers = pod.spec.initContainers?.map(extend('init container'));
  if (notes.length === 0) return pod;
  const annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}`,
  };
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations },
    spec: { ...pod.spec, containers, ...(initContainers ? { initContainers } : {}) },
  };
}

function podProblems(limit: LimitRangeItem, { spec }: Pod): readonly string[] {
  if (limit.type === 'Pod') return rangeProblems(limit, podResources(spec));
  if (limit.type !== 'Container') return [];
  return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    rangeProblems(limit, { requests: resources?.requests ?? {}, limits: resources?.limits ?? {} }),
  );
}

interface Asked {
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

/** Names in order, so that the same mistake reads the same each time. */
const sorted = (list: ResourceList | undefined): [string, string][] =>
  Object.entries(list ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

function rangeProblems(limit: LimitRangeItem, asked: Asked): readonly string[] {
  return [
    ...sorted(limit.min).flatMap(([name, bound]) => minProblem(limit.type, name, bound, asked)),
    ...sorted(limit.max).flatMap(([name, bound]) => maxProblem(limit.type, name, bound, asked)),
    ...sorted(limit.maxLimitRequestRatio).flatMap(([name, bound]) =>
      ratioProblem(limit.type, name, bound, asked),
    ),
  ];
}

function minProblem(type: string, name: string, bound: string, asked: Asked): string[] {
  const [request, limit] = [asked.requests[name], asked.limits[name]];
  const rule = `minimum ${name} usage per ${type} is ${bound}`;
  if (request === undefined) return [`${rule}.  No request is specified`];
  if (compareResources(request, bound) < 0) return [`${rule}, but request is ${request}`];
  if (limit !== undefined && compareResources(limit, bound) < 0)
    return [`${rule}, but limit is ${limit}`];
  return [];
}

function maxProblem(type: string, name: string, bound: string, asked: Asked): string[] {
  const [request, limit] = [asked.requests[name], asked.limits[name]];
  const rule = `maximum ${name} usage per ${type} is ${bound}`;
  if (limit === undefined) return [`${rule}.  No limit is specified`];
  if (compareResources(limit, bound) > 0) return [`${rule}, but limit is ${limit}`];
  if (request !== undefined && compareResources(request, bound) > 0)
    return [`${rule}, but request is ${request}`];
  return [];
}

const RATIO_DIGITS = 6;

function ratioProblem(type: string, name: string, bound: string, asked: Asked): string[] {
  const request = quantityOf(asked.requests[name]).nanos;
  const limit = quantityOf(asked.limits[name]).nanos;
  const rule = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === 0n) return [`${rule}, but no request is specified or request is 0`];
  if (limit === 0n) return [`${rule}, but no limit is specified or limit is 0`];
  // Multiplied out, so that nothing is rounded: limit / request > bound.
  const allowed = (request * quantityOf(bound).nanos) / quantityOf('1').nanos;
  if (limit <= allowed) return [];
  return [
    `${rule}, but provided ratio is ${(Number(limit) / Number(request)).toFixed(RATIO_DIGITS)}`,
  ];
}

/** A claim asks for storage and limits nothing. */
function claimProblems(limit: LimitRangeItem, { spec }: PersistentVolumeClaim): string[] {
  if (limit.type !== 'PersistentVolumeClaim') return [];
  const requests = spec?.resources?.requests ?? {};
  return [
    ...sorted(limit.min).flatMap(([name, bound]) =>
      minProblem(limit.type, name, bound, { requests, limits: {} }),
    ),
    ...sorted(limit.max).flatMap(([name, bound]) => {
      const request = requests[name];
      const rule = `maximum ${name} usage per ${limit.type} is ${bound}`;
      if (request === undefined) return [`${rule}.  No request is specified`];
      return compareResources(request, bound) > 0 ? [`${rule}, but request is ${request}`] : [];
    }),
  ];
}
