/**
 * Both webhook configurations, with upstream's defaults and rules. The calls themselves are the API
 * server's (runtime/apiserver/admission).
 * Source: k8s.io/kubernetes pkg/apis/admissionregistration (v1 defaults, validation).
 */
import type { FieldError } from '../meta/field-error.ts';
import { duplicate, invalid, oneOf, required } from '../meta/field-rule.ts';
import type { KindDefinition } from '../meta/kind-definition.ts';
import { validateClientConfig } from './client-config.ts';
import type { Webhook, WebhookConfiguration, WebhookRule } from './types.ts';

const GROUP = 'admissionregistration.k8s.io';
const TIMEOUT_SECONDS_DEFAULT = 10;
const TIMEOUT_SECONDS_MAX = 30;
const MATCH_CONDITIONS_MAX = 64;
const PORT_DEFAULT = 443;
const reviewVersions = ['v1', 'v1beta1'];

const makeDefinition = (
  kind: string,
  plural: string,
  isMutating: boolean,
): KindDefinition<WebhookConfiguration> => ({
  group: GROUP,
  version: 'v1',
  kind,
  plural,
  singular: kind.toLowerCase(),
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: false,
  columns: [{ name: 'Webhooks', type: 'string', jsonPath: '.webhooks[*].name' }],
  applyDefaults: (object) =>
    Array.isArray(object.webhooks)
      ? { ...object, webhooks: object.webhooks.map((hook) => withDefaults(hook, isMutating)) }
      : object,
  validate: (object) => validateConfiguration(object),
});

export const mutatingWebhookConfigurationKind = makeDefinition(
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  true,
);
export const validatingWebhookConfigurationKind = makeDefinition(
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  false,
);

export const admissionregistrationDefinitions: readonly KindDefinition[] = [
  mutatingWebhookConfigurationKind,
  validatingWebhookConfigurationKind,
];

function withDefaults(hook: Webhook, isMutating: boolean): Webhook {
  const service = hook.clientConfig?.service;
  return {
    ...hook,
    clientConfig: service
      ? { ...hook.clientConfig, service: { ...service, port: service.port ?? PORT_DEFAULT } }
      : hook.clientConfig,
    ...(hook.rules
      ? { rules: hook.rules.map((rule) => ({ ...rule, scope: rule.scope ?? '*' })) }
      : {}),
    failurePolicy: hook.failurePolicy ?? 'Fail',
    matchPolicy: hook.matchPolicy ?? 'Equivalent',
    namespaceSelector: hook.namespaceSelector ?? {},
    objectSelector: hook.objectSelector ?? {},
    timeoutSeconds: hook.timeoutSeconds ?? TIMEOUT_SECONDS_DEFAULT,
    ...(isMutating ? { reinvocationPolicy: hook.reinvocationPolicy ?? 'Never' } : {}),
  };
}

function validateConfiguration({ webhooks = [] }: WebhookConfiguration): FieldError[] {
  const names = new Set<string>();
  return webhooks.flatMap((hook, index) => {
    const path = `webhooks[${index}]`;
    const isDuplicate = names.has(hook.name);
    names.add(hook.name);
    return [
      ...validateWebhook(hook, path),
      ...(isDuplicate ? [duplicate(`${path}.name`, hook.name)] : []),
    ];
  });
}

function validateWebhook(hook: Webhook, path: string): FieldError[] {
  return [
    ...validateName(hook.name, `${path}.name`),
    ...(hook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${path}.rules[${index}]`)),
    ...oneOf(`${path}.failurePolicy`, hook.failurePolicy, ['Fail', 'Ignore']),
    ...oneOf(`${path}.matchPolicy`, hook.matchPolicy, ['Equivalent', 'Exact']),
    // JSON's null counts as absent.
    ...((hook.sideEffects ?? undefined) === undefined
      ? [required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun')]
      : oneOf(`${path}.sideEffects`, hook.sideEffects, ['None', 'NoneOnDryRun'])),
    ...(isWithin(hook.timeoutSeconds, 1, TIMEOUT_SECONDS_MAX)
      ? []
      : [
          invalid(
            `${path}.timeoutSeconds`,
            hook.timeoutSeconds,
            'the timeout value must be between 1 and 30 seconds',
          ),
        ]),
    ...oneOf(`${path}.reinvocationPolicy`, hook.reinvocationPolicy, ['IfNeeded', 'Never']),
    ...validateReviewVersions(hook.admissionReviewVersions, `${path}.admissionReviewVersions`),
    ...validateClientConfig(hook.clientConfig, `${path}.clientConfig`),
    ...validateMatchConditions(hook, `${path}.matchConditions`),
  ];
}

const labelPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

function validateName(name: unknown, path: string): FieldError[] {
  if (typeof name !== 'string' || name === '') return [required(path)];
  const labels = name.split('.');
  if (!labels.every((label) => labelPattern.test(label)))
    return [
      invalid(
        path,
        name,
        `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      ),
    ];
  return labels.length < 3
    ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

function validateRule(rule: WebhookRule, path: string): FieldError[] {
  const list = (field: keyof WebhookRule, noun: string): FieldError[] => {
    const values = rule[field] as string[] | undefined;
    if (!values || values.length === 0) return [required(`${path}.${field}`)];
    return values.length > 1 && values.includes('*')
      ? [invalid(`${path}.${field}`, values, `if '*' is present, must not specify other ${noun}`)]
      : [];
  };
  return [
    ...list('operations', 'operations'),
    ...(rule.operations ?? []).flatMap((operation, index) =>
      oneOf(`${path}.operations[${index}]`, operation, [
        '*',
        'CONNECT',
        'CREATE',
        'DELETE',
        'UPDATE',
      ]),
    ),
    ...list('apiGroups', 'API groups'),
    ...list('apiVersions', 'API versions'),
    ...(rule.apiVersions ?? []).flatMap((version, index) =>
      version === '' ? [required(`${path}.apiVersions[${index}]`)] : [],
    ),
    ...validateResources(rule.resources ?? [], `${path}.resources`),
    ...oneOf(`${path}.scope`, rule.scope, ['*', 'Cluster', 'Namespaced']),
  ];
}

function validateResources(resources: readonly string[], path: string): FieldError[] {
  if (resources.length === 0) return [required(path)];
  const errors = resources.flatMap((resource, index) =>
    resource === '' ? [required(`${path}[${index}]`)] : [],
  );
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalid(path, resources, `if '*/*' is present, must not specify other resources`));
  if (resources.includes('*') && resources.some((item) => item !== '*' && !item.includes('/')))
    errors.push(
      invalid(
        path,
        resources,
        `if '*' is present, must not specify other resources without subresources`,
      ),
    );
  return errors;
}

function validateReviewVersions(versions: unknown, path: string): FieldError[] {
  if (!Array.isArray(versions) || versions.length === 0)
    return [required(path, `must specify one of ${reviewVersions.join(', ')}`)];
  const errors = versions.flatMap((version: unknown, index) =>
    versions.indexOf(version) < index
      ? [invalid(`${path}[${index}]`, version, 'duplicate version')]
      : [],
  );
  if (!versions.some((version) => reviewVersions.includes(String(version))))
    errors.push(
      invalid(path, versions, `must include at least one of ${reviewVersions.join(', ')}`),
    );
  return errors;
}

function validateMatchConditions({ matchConditions = [] }: Webhook, path: string): FieldError[] {
  const names = new Set<string>();
  const errors = matchConditions.flatMap(({ name, expression }, index) => {
    const at = `${path}[${index}]`;
    const problems: FieldError[] = [];
    if (!expression?.trim()) problems.push(required(`${at}.expression`));
    if (!name) problems.push(required(`${at}.name`));
    else if (names.has(name)) problems.push(duplicate(`${at}.name`, name));
    names.add(name);
    return problems;
  });
  if (matchConditions.length > MATCH_CONDITIONS_MAX)
    errors.push({
      message: `Too many: ${matchConditions.length}: must have at most ${MATCH_CONDITIONS_MAX} items`,
      paths: [path],
    });
  return errors;
}

const isWithin = (value: unknown, low: number, high: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
