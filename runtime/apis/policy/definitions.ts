/** policy/v1 PodDisruptionBudget. Source: k8s.io/kubernetes pkg/apis/policy (defaults, rules). */
import type { FieldError } from '../meta/field-error.ts';
import { invalid, nonNegative, oneOf } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import { validateSelector } from '../meta/label-selector.ts';
import type { PodDisruptionBudget } from './types.ts';
import { podDisruptionBudgetKind } from './types.ts';

const podDisruptionBudget: KindDefinition<PodDisruptionBudget> = {
  ...podDisruptionBudgetKind,
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  hasStatus: true,
  applyDefaults: (object) =>
    object.status
      ? object
      : {
          ...object,
          status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
        },
  validate({ spec }) {
    if (!spec) return [];
    const errors: FieldError[] = [];
    if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
      // Go's own form of the structure, as upstream prints it.
      errors.push(
        invalid(
          'spec',
          {
            MinAvailable: spec.minAvailable,
            Selector: spec.selector ?? null,
            MaxUnavailable: spec.maxUnavailable,
            UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
          },
          'minAvailable and maxUnavailable cannot be both set',
        ),
      );
    for (const key of ['minAvailable', 'maxUnavailable'] as const) {
      const value = spec[key];
      if (typeof value === 'number') errors.push(...nonNegative(`spec.${key}`, value));
      else if (typeof value === 'string' && !/^[0-9]+%$/.test(value))
        errors.push(
          invalid(
            `spec.${key}`,
            value,
            "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
          ),
        );
      else if (typeof value === 'string' && Number.parseInt(value, 10) > 100)
        errors.push(invalid(`spec.${key}`, value, 'must not be greater than 100%'));
    }
    errors.push(
      ...oneOf('spec.unhealthyPodEvictionPolicy', spec.unhealthyPodEvictionPolicy, [
        'AlwaysAllow',
        'IfHealthyBudget',
      ]),
    );
    if (spec.selector) errors.push(...validateSelector(spec.selector, 'spec.selector'));
    return errors;
  },
};

export const policyDefinitions: readonly KindDefinition[] = [podDisruptionBudget];
