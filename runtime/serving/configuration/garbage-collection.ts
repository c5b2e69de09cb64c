/**
 * Which old Revisions of a Configuration may go. Never touches one that is routed to, pending, or the
 * latest ready. Source: knative.dev/serving pkg/reconciler/gc/gc.go.
 */
import {
  noGcAnnotationKey,
  routingStateLabelKey,
  routingStateModifiedAnnotationKey,
} from '../../apis/serving/labels.ts';
import type { Configuration, Revision } from '../../apis/serving/types.ts';
import type { GarbageCollectionConfig } from '../../apis/serving/config-gc.ts';

/** The Revisions to delete, oldest first. */
export function collectRevisions(
  observed: { readonly configuration: Configuration; readonly revisions: readonly Revision[] },
  config: GarbageCollectionConfig,
  nowMs: number,
): readonly Revision[] {
  const { minNonActive, maxNonActive, retainSinceCreateMs, retainSinceLastActiveMs } = config;
  const isByAge = retainSinceCreateMs !== undefined || retainSinceLastActiveMs !== undefined;
  if (!isByAge && maxNonActive === undefined) return [];
  const latestReady = observed.configuration.status?.latestReadyRevisionName;
  const candidates = observed.revisions
    .filter(
      ({ metadata }) =>
        metadata.labels?.[routingStateLabelKey] === 'reserve' &&
        metadata.annotations?.[noGcAnnotationKey] !== 'true' &&
        metadata.name !== latestReady &&
        !metadata.deletionTimestamp,
    )
    .sort((a, b) => lastActiveMs(a) - lastActiveMs(b));
  if (candidates.length <= minNonActive) return [];
  const isStale = (revision: Revision): boolean =>
    isByAge &&
    nowMs - createdMs(revision) >= (retainSinceCreateMs ?? 0) &&
    nowMs - lastActiveMs(revision) >= (retainSinceLastActiveMs ?? 0);
  const stale = candidates.filter(isStale).slice(0, candidates.length - minNonActive);
  const kept = candidates.filter((revision) => !stale.includes(revision));
  const excess = maxNonActive === undefined ? 0 : Math.max(0, kept.length - maxNonActive);
  return [...stale, ...kept.slice(0, excess)];
}

const createdMs = (revision: Revision): number =>
  Date.parse(revision.metadata.creationTimestamp ?? '') || 0;

function lastActiveMs(revision: Revision): number {
  const modified = revision.metadata.annotations?.[routingStateModifiedAnnotationKey];
  return Date.parse(modified ?? '') || createdMs(revision);
}
