/** Wires the status of PodDisruptionBudgets to the Pods that they cover. */
import { podKind } from '../../apis/core/types.ts';
import { matchesSelector } from '../../apis/meta/label-selector.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import { podDisruptionBudgetKind } from '../../apis/policy/types.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';
import { EventRecorder } from '../../kube/event-recorder.ts';
import { applyPlan } from '../../kube/plan.ts';
import { planDisruption } from './disruption-plan.ts';

export function makeDisruptionController(context: ControllerContext): Controller {
  const { client, informers, clock, logger } = context;
  const budgets = informers.informer(podDisruptionBudgetKind);
  const pods = informers.informer(podKind);
  const recorder = new EventRecorder({ client, component: 'disruption-controller', clock, logger });
  const controller = new Controller({
    name: 'disruption',
    clock,
    logger,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const budget = budgets.get(namespace, name);
      if (!budget) return {};
      const plan = planDisruption(budget, pods.list({ namespace }), clock.now());
      return applyPlan(plan, { client, recorder });
    },
  });
  controller.watch(budgets);
  controller.watch(pods, ({ metadata }) =>
    budgets
      .list({ namespace: metadata.namespace ?? '' })
      .filter(({ spec }) => matchesSelector(spec?.selector, metadata.labels))
      .map((budget) => keyOf(budget.metadata)),
  );
  return controller;
}
