/** The annotation that lists the Routes of a Revision or Configuration: sorted names, comma separated. */
import type { KubeObject } from '../apis/meta/object.ts';
import { routesAnnotationKey } from '../apis/serving/labels.ts';

export function routesOf(object: KubeObject): readonly string[] {
  const text = object.metadata.annotations?.[routesAnnotationKey] ?? '';
  return text.split(',').filter((name) => name !== '');
}

export const joinRoutes = (names: Iterable<string>): string => [...new Set(names)].sort().join(',');
