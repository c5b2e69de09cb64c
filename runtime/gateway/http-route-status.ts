/**
 * Status of an HTTPRoute that the table holds: accepted by each parent that it names, and whether its
 * backends exist. Pure. Source: Gateway API v1, RouteConditionType and RouteConditionReason.
 */
import type { HTTPRoute, RouteParentStatus } from '../apis/gateway/types.ts';

/** Names this gateway in status. */
export const CONTROLLER_NAME = 'knit.dev/gateway';

export interface HttpRouteFacts {
  /** `namespace/name` of backends that are not there. */
  readonly missing: readonly string[];
  /** Filters that this gateway does not have. */
  readonly unsupported: readonly string[];
  readonly now: string;
}

/** The route with the status that it should have, or undefined when it has it. */
export function withParentStatus(route: HTTPRoute, facts: HttpRouteFacts): HTTPRoute | undefined {
  const { generation = 0 } = route.metadata;
  const old = route.status?.parents ?? [];
  // Entries of other controllers are theirs to keep.
  const others = old.filter(({ controllerName }) => controllerName !== CONTROLLER_NAME);
  const ours = (route.spec.parentRefs ?? []).map((parentRef): RouteParentStatus => {
    const known = old.find(
      (entry) =>
        entry.controllerName === CONTROLLER_NAME &&
        JSON.stringify(entry.parentRef) === JSON.stringify(parentRef),
    );
    const conditions = conditionsOf(facts).map((condition) => {
      const before = known?.conditions.find(({ type }) => type === condition.type);
      const isSame = before?.status === condition.status && before.reason === condition.reason;
      return {
        ...condition,
        observedGeneration: generation,
        lastTransitionTime: isSame ? (before.lastTransitionTime ?? facts.now) : facts.now,
      };
    });
    return { parentRef, controllerName: CONTROLLER_NAME, conditions };
  });
  const parents = [...others, ...ours];
  if (JSON.stringify(parents) === JSON.stringify(old)) return undefined;
  return { ...route, status: { ...route.status, parents } };
}

function conditionsOf({ missing, unsupported }: HttpRouteFacts): {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
}[] {
  return [
    unsupported.length === 0
      ? { type: 'Accepted', status: 'True', reason: 'Accepted', message: '' }
      : {
          type: 'Accepted',
          status: 'False',
          reason: 'UnsupportedValue',
          message: `filters that this gateway does not have: ${unsupported.join(', ')}`,
        },
    missing.length === 0
      ? { type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', message: '' }
      : {
          type: 'ResolvedRefs',
          status: 'False',
          reason: 'BackendNotFound',
          message: `services that do not exist: ${missing.join(', ')}`,
        },
  ];
}
