/** Which paths can be answered in protobuf: those of built-in kinds, as upstream. */
import { isBuiltinKind } from '../../apis/schema/type-table.ts';
import type { KindRegistry } from '../kind-registry.ts';
import { parseResourcePath } from '../request-path.ts';

/** Of a path without a kind of its own, such as access reviews, the answer decides. */
export function hasMessages(registry: KindRegistry, path: string): boolean {
  const target = parseResourcePath(path);
  if (!target) return true;
  const resource = registry.find(target.group, target.version, target.plural);
  return !resource || isBuiltinKind(resource.apiVersion, resource.kind);
}
