/** Makes the PriorityClasses that every cluster has, where they are missing. Leaves those that are there alone. */
import { systemPriorityClasses } from '../../apis/scheduling/system-classes.ts';
import { priorityClassKind } from '../../apis/scheduling/types.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isAlreadyExists } from '../../kube/api-error.ts';
import type { KindRegistry } from '../kind-registry.ts';
import type { Store } from '../store/store.ts';

/** @param client in process. A server that does not serve the kind has none. */
export async function createSystemPriorityClasses(deps: {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly client: KubeClient;
}): Promise<void> {
  const { group, version, plural } = priorityClassKind;
  if (!deps.registry.find(group, version, plural)) return;
  const missing = systemPriorityClasses.filter(
    ({ metadata }) => !deps.store.get(`${group}/${plural}`, '', metadata.name),
  );
  await Promise.all(
    missing.map((object) =>
      deps.client.create(priorityClassKind, object).catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
      }),
    ),
  );
}
