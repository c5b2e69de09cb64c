/**
 * From the traffic that a Route asks for to revisions that can serve it. One target that cannot
 * blocks them all: what is programmed already keeps serving.
 * Source: knative.dev/serving pkg/reconciler/route/traffic/traffic.go.
 */
import { getCondition, isObjectReady } from '../../apis/meta/condition.ts';
import { serviceLabelKey } from '../../apis/serving/labels.ts';
import type { Configuration, Revision, Route, TrafficTarget } from '../../apis/serving/types.ts';
import type { LatestTarget, RevisionRollout, Rollout } from './rollout.ts';
import { rolloutOf } from './rollout.ts';

const PERCENT_ALL = 100;

/** What the targets of a Route's spec refer to, by name; absent = does not exist. */
export interface TrafficSources {
  readonly configurations: ReadonlyMap<string, Configuration>;
  readonly revisions: ReadonlyMap<string, Revision>;
}

export interface ResolvedTarget extends TrafficTarget {
  readonly revisionName: string;
  /** The Configuration whose latest revision it is; '' for a revision that is named. */
  readonly configurationName: string;
  readonly percent: number;
  readonly protocol: 'http1' | 'h2c';
}

export interface TrafficFault {
  /** False: it will not come right by waiting. */
  readonly status: 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export type ResolvedTraffic =
  { readonly targets: readonly ResolvedTarget[] } | { readonly fault: TrafficFault };

export function resolveTraffic(route: Route, sources: TrafficSources): ResolvedTraffic {
  const targets: ResolvedTarget[] = [];
  const faults: TrafficFault[] = [];
  for (const target of route.spec.traffic ?? []) {
    const resolved = target.revisionName
      ? resolveRevision(route, target.revisionName, sources)
      : resolveLatest(target.configurationName ?? '', sources);
    if ('fault' in resolved) faults.push(resolved.fault);
    else targets.push(makeTarget(target, resolved.revision));
  }
  const fault = faults.find(({ status }) => status === 'False') ?? faults[0];
  return fault ? { fault } : { targets };
}

type Resolved = { readonly revision: Revision } | { readonly fault: TrafficFault };

function resolveLatest(name: string, sources: TrafficSources): Resolved {
  const configuration = sources.configurations.get(name);
  if (!configuration) return { fault: missing('Configuration', name) };
  const latest = configuration.status?.latestReadyRevisionName ?? '';
  if (latest === '') {
    const ready = getCondition(configuration.status?.conditions, 'Ready');
    const isFailed =
      ready?.status === 'False' &&
      configuration.status?.observedGeneration === configuration.metadata.generation;
    return {
      fault: {
        status: isFailed ? 'False' : 'Unknown',
        reason: 'RevisionMissing',
        message: isFailed
          ? `Configuration "${name}" does not have any ready Revision.`
          : `Configuration "${name}" is waiting for a Revision to become ready.`,
      },
    };
  }
  const revision = sources.revisions.get(latest);
  return revision ? { revision } : { fault: missing('Revision', latest) };
}

function resolveRevision(route: Route, name: string, sources: TrafficSources): Resolved {
  const revision = sources.revisions.get(name);
  if (!revision) return { fault: missing('Revision', name) };
  const service = route.metadata.labels?.[serviceLabelKey];
  const isServiceRoute = route.metadata.ownerReferences?.some(
    (owner) => owner.controller === true && owner.kind === 'Service',
  );
  if (isServiceRoute && revision.metadata.labels?.[serviceLabelKey] !== service)
    return {
      fault: {
        status: 'False',
        reason: 'RevisionNotOwned',
        message: notOwnedMessage(revision, service ?? ''),
      },
    };
  if (isObjectReady(revision)) return { revision };
  const isFailed = getCondition(revision.status?.conditions, 'Ready')?.status === 'False';
  return {
    fault: {
      status: isFailed ? 'False' : 'Unknown',
      reason: 'RevisionMissing',
      message: isFailed
        ? `Revision "${name}" failed to become ready.`
        : `Revision "${name}" is not yet ready.`,
    },
  };
}

function notOwnedMessage({ metadata }: Revision, service: string): string {
  const owner = metadata.labels?.[serviceLabelKey] ?? '';
  return owner === ''
    ? `Revision "${metadata.name}" does not belong to Service "${service}".`
    : `Revision "${metadata.name}" belongs to Service "${owner}", not Service "${service}".`;
}

const missing = (kind: 'Configuration' | 'Revision', name: string): TrafficFault => ({
  status: 'False',
  reason: `${kind}Missing`,
  message: `${kind} "${name}" referenced in traffic not found.`,
});

function makeTarget(target: TrafficTarget, revision: Revision): ResolvedTarget {
  const ports = revision.spec.containers.flatMap((container) => container.ports ?? []);
  return {
    ...(target.tag ? { tag: target.tag } : {}),
    revisionName: revision.metadata.name,
    configurationName: target.revisionName ? '' : (target.configurationName ?? ''),
    latestRevision: target.latestRevision ?? !target.revisionName,
    percent: target.percent ?? 0,
    protocol: ports[0]?.name === 'h2c' ? 'h2c' : 'http1',
  };
}

export interface Split {
  readonly revisionName: string;
  readonly percent: number;
  readonly protocol: 'http1' | 'h2c';
}

/**
 * Splits by tag, sorted; '' holds the main traffic, summed per revision. Each tag has all of its
 * target. A rollout that goes on divides what goes to the latest revision.
 */
export function splitsByTag(
  targets: readonly ResolvedTarget[],
  rollout: Rollout,
): ReadonlyMap<string, readonly Split[]> {
  const main = new Map<string, Split>();
  const byTag = new Map<string, readonly Split[]>();
  for (const target of targets) {
    const { tag, percent, protocol } = target;
    for (const split of percent > 0 ? divide({ ...target, tag: '' }, rollout) : []) {
      const sum = (main.get(split.revisionName)?.percent ?? 0) + split.percent;
      main.set(split.revisionName, { revisionName: split.revisionName, percent: sum, protocol });
    }
    if (tag)
      byTag.set(
        tag,
        divide({ ...target, percent: PERCENT_ALL }, rollout).map((split) => ({
          ...split,
          protocol,
        })),
      );
  }
  byTag.set('', [...main.values()]);
  return new Map([...byTag].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The revisions that a target's traffic goes to. */
function divide(
  { tag, configurationName, revisionName, percent }: ResolvedTarget,
  rollout: Rollout,
): readonly RevisionRollout[] {
  const shares =
    configurationName === '' ? undefined : rolloutOf(rollout, tag ?? '', configurationName);
  return shares ?? [{ revisionName, percent }];
}

/** What goes to latest revisions, by tag and Configuration: what may be rolled out in steps. */
export function latestTargets(targets: readonly ResolvedTarget[]): readonly LatestTarget[] {
  const main = new Map<string, LatestTarget>();
  const tagged: LatestTarget[] = [];
  for (const { tag, configurationName, revisionName, percent } of targets) {
    if (configurationName === '') continue;
    const sum = (main.get(configurationName)?.percent ?? 0) + percent;
    main.set(configurationName, { tag: '', configurationName, revisionName, percent: sum });
    if (tag) tagged.push({ tag, configurationName, revisionName, percent: PERCENT_ALL });
  }
  return [...main.values(), ...tagged];
}

/** The target as the status shows it: one entry for each revision that it reaches. */
export function statusTargets(target: ResolvedTarget, rollout: Rollout): readonly TrafficTarget[] {
  const { protocol: _protocol, configurationName: _configuration, ...rest } = target;
  const shares = rolloutOf(rollout, target.tag ?? '', target.configurationName);
  if (!shares) return [rest];
  return shares.map(({ revisionName, percent }) => ({ ...rest, revisionName, percent }));
}
