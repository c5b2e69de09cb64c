/** What Routes refer to, as keys of an index: reconciles must not look through all Routes of a namespace. */
import { keyOf } from '../apis/meta/object.ts';
import type { Route } from '../apis/serving/types.ts';

/** Configurations whose latest revision the Route's spec sends traffic to. */
export const configurationsOfRoute = (route: Route): readonly string[] =>
  keysIn(
    route,
    (route.spec.traffic ?? []).map(({ configurationName }) => configurationName),
  );

/** Revisions that the Route's spec or status names. */
export const revisionsOfRoute = (route: Route): readonly string[] =>
  keysIn(
    route,
    [...(route.spec.traffic ?? []), ...(route.status?.traffic ?? [])].map(
      ({ revisionName }) => revisionName,
    ),
  );

function keysIn({ metadata }: Route, names: readonly (string | undefined)[]): readonly string[] {
  const { namespace = '' } = metadata;
  return names.flatMap((name) => (name ? [keyOf({ namespace, name })] : []));
}
