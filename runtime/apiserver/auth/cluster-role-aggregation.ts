/**
 * Fills the rules of ClusterRoles that have an `aggregationRule` with those of the roles that it
 * selects. Source: k8s.io/kubernetes pkg/controller/clusterroleaggregation (behaviour).
 */
import {
  clusterRoleKind,
  type ClusterRole,
  type LabelSelector,
  type PolicyRule,
} from '../../apis/rbac/types.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KeyWorker } from '../key-worker.ts';
import type { Store } from '../store/store.ts';
import { clusterRolesStore } from './rbac-authorizer.ts';

export interface ClusterRoleAggregationOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class ClusterRoleAggregation {
  private readonly options: ClusterRoleAggregationOptions;
  private readonly worker: KeyWorker;
  private readonly stopListening: () => void;

  constructor(options: ClusterRoleAggregationOptions) {
    this.options = options;
    this.worker = new KeyWorker({
      name: 'cluster-role-aggregation',
      clock: options.clock,
      logger: options.logger,
      work: (name) => this.process(name),
    });
    this.stopListening = options.store.listen(clusterRolesStore, () => this.enqueueAll());
    this.enqueueAll();
  }

  stop(): void {
    this.stopListening();
    this.worker.stop();
  }

  /** Roles change seldom and those that aggregate are few: each change asks all of them. */
  private enqueueAll(): void {
    for (const role of this.options.store.list(clusterRolesStore))
      if ((role as ClusterRole).aggregationRule) this.worker.enqueue(role.metadata.name);
  }

  private async process(name: string): Promise<void> {
    const { store, client } = this.options;
    const role = store.get(clusterRolesStore, '', name) as ClusterRole | undefined;
    if (!role?.aggregationRule || role.metadata.deletionTimestamp) return;
    const rules = aggregateRules(role, store.list(clusterRolesStore) as ClusterRole[]);
    if (JSON.stringify(rules) === JSON.stringify(role.rules ?? [])) return;
    try {
      await client.update(clusterRoleKind, { ...role, rules });
    } catch (error) {
      // Whoever changed or removed the role in between has caused another turn.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}

/** The rules of all selected roles but itself, by name of role, each rule once. */
export function aggregateRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  const selectors = role.aggregationRule?.clusterRoleSelectors ?? [];
  for (const other of all.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    if (other.metadata.name === role.metadata.name) continue;
    const labels = other.metadata.labels ?? {};
    if (!selectors.some((selector) => selects(selector, labels))) continue;
    for (const rule of other.rules ?? []) rules.set(JSON.stringify(rule), rule);
  }
  return [...rules.values()];
}

function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        default:
          return false;
      }
    })
  );
}
