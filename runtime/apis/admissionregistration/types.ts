/** admissionregistration.k8s.io/v1: which webhooks judge which writes. Defaults are filled in. */
import type { KubeObject } from '../meta/object.ts';

export interface LabelSelectorObject {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface WebhookRule {
  operations: string[];
  apiGroups: string[];
  apiVersions: string[];
  /** `pods`, `pods/status`, `*` for every resource without subresources; a star on either side of `/`. */
  resources: string[];
  scope?: 'Cluster' | 'Namespaced' | '*';
}

/** Where a webhook listens; of admission webhooks and of conversion webhooks alike. */
export interface WebhookClientConfig {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** Base64 of PEM. Absent: the machine's own roots. */
  caBundle?: string;
}

export interface Webhook {
  name: string;
  clientConfig: WebhookClientConfig;
  rules?: WebhookRule[];
  failurePolicy?: 'Fail' | 'Ignore';
  matchPolicy?: 'Exact' | 'Equivalent';
  namespaceSelector?: LabelSelectorObject;
  objectSelector?: LabelSelectorObject;
  sideEffects: 'None' | 'NoneOnDryRun' | 'Some' | 'Unknown';
  /** 1 to 30. */
  timeoutSeconds?: number;
  admissionReviewVersions: string[];
  /** CEL expressions that must all be true. */
  matchConditions?: { name: string; expression: string }[];
  /** Of mutating webhooks only. */
  reinvocationPolicy?: 'Never' | 'IfNeeded';
}

export interface WebhookConfiguration extends KubeObject {
  webhooks?: Webhook[];
}
