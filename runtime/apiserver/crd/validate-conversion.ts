/**
 * Validation of how a CustomResourceDefinition's versions are converted into each other. Pure.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/validation (rules, order, words).
 */
import { validateClientConfig } from '../../apis/admissionregistration/client-config.ts';
import type { WebhookClientConfig } from '../../apis/admissionregistration/types.ts';
import type { CustomResourceDefinition } from '../../apis/apiextensions/types.ts';
import {
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from '../../apis/meta/field-cause.ts';
import type { FieldError } from '../../apis/meta/field-error.ts';
import { dnsLabel1035Problem } from './definition-names.ts';

type Spec = CustomResourceDefinition['spec'];

const reviewVersions = ['v1', 'v1beta1'];

export function validateConversion(conversion: Spec['conversion']): FieldError[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  const versions = webhook?.conversionReviewVersions ?? [];
  const at = 'spec.conversion.webhookClientConfig';
  const versionsAt = 'spec.conversion.conversionReviewVersions';
  if (strategy === 'Webhook') {
    const config = webhook?.clientConfig;
    return [
      ...(config
        ? validateClientConfig(toUpstreamOrder(config), at)
        : [requiredField(at, 'required when strategy is set to Webhook')]),
      ...validateReviewVersions(versions, versionsAt),
    ];
  }
  const text = 'should not be set when strategy is not set to Webhook';
  return [
    ...(strategy === 'None'
      ? []
      : strategy
        ? [unsupportedField('spec.conversion.strategy', strategy, ['None', 'Webhook'])]
        : [requiredField('spec.conversion.strategy')]),
    ...(webhook?.clientConfig ? [forbiddenField(at, text)] : []),
    ...(versions.length > 0 ? [forbiddenField(versionsAt, text)] : []),
  ];
}

/** As upstream, which takes name and namespace for each other here. */
const toUpstreamOrder = ({
  service,
  ...rest
}: NonNullable<NonNullable<Spec['conversion']>['webhook']>['clientConfig'] &
  object): WebhookClientConfig =>
  service
    ? { ...rest, service: { ...service, name: service.namespace, namespace: service.name } }
    : rest;

function validateReviewVersions(versions: readonly string[], path: string): FieldError[] {
  if (versions.length === 0) return [requiredField(path)];
  const errors = versions.flatMap((version, index) => {
    const at = `${path}[${index}]`;
    if (versions.indexOf(version) < index) return [invalidField(at, version, 'duplicate version')];
    const problem = dnsLabel1035Problem(version);
    return problem === undefined ? [] : [invalidField(at, version, problem)];
  });
  if (!versions.some((version) => reviewVersions.includes(version)))
    errors.push(
      invalidField(path, versions, `must include at least one of ${reviewVersions.join(', ')}`),
    );
  return errors;
}
