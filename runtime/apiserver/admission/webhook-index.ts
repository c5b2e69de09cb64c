/**
 * The configured webhooks by what they concern, kept current with the store. A write asks here
 * first, and mostly learns in one map lookup that nobody wants to hear of it.
 */
import {
  mutatingWebhookConfigurationKind,
  validatingWebhookConfigurationKind,
} from '../../apis/admissionregistration/definitions.ts';
import type { WebhookConfiguration } from '../../apis/admissionregistration/types.ts';
import type { KindRegistry, Resource } from '../kind-registry.ts';
import type { Store } from '../store/store.ts';
import type { Invocation } from './admission-review.ts';
import { matchesRule, type RuleSubject } from './webhook-rules.ts';

/** Keys are operations on resources that exist; a client cannot make up more of them than this. */
const ENTRIES_MAX = 10_000;

export class WebhookIndex {
  private readonly store: Store;
  private readonly registry: KindRegistry;
  private readonly storeName: string;
  private readonly bySubject = new Map<string, readonly Invocation[]>();
  private resources: readonly Resource[] = [];

  constructor(options: { store: Store; registry: KindRegistry; isMutating: boolean }) {
    const { store, registry, isMutating } = options;
    const { group, plural } = isMutating
      ? mutatingWebhookConfigurationKind
      : validatingWebhookConfigurationKind;
    this.store = store;
    this.registry = registry;
    this.storeName = `${group}/${plural}`;
    store.listen(this.storeName, () => this.bySubject.clear());
  }

  /** Hooks whose rules cover the request, in the order of their configurations' names. */
  find(subject: RuleSubject): readonly Invocation[] {
    // The registry makes a new list when a CRD comes, changes or goes, and only then.
    if (this.resources !== this.registry.resources) {
      this.resources = this.registry.resources;
      this.bySubject.clear();
    }
    const { operation, resource, subresource = '' } = subject;
    const key = `${operation} ${resource.apiVersion}/${resource.plural}/${subresource}`;
    let found = this.bySubject.get(key);
    if (!found) {
      found = this.search(subject);
      if (this.bySubject.size >= ENTRIES_MAX) this.bySubject.clear();
      this.bySubject.set(key, found);
    }
    return found;
  }

  private search(subject: RuleSubject): Invocation[] {
    // Those who configure webhooks must be able to mend them, whatever webhooks say.
    if (subject.resource.group === mutatingWebhookConfigurationKind.group) return [];
    const configurations = this.store.list(this.storeName) as WebhookConfiguration[];
    const found: Invocation[] = [];
    for (const { webhooks = [] } of configurations)
      for (const hook of webhooks) {
        const resource = this.match(hook, subject);
        if (resource) found.push({ hook, resource });
      }
    return found;
  }

  /** The version of the resource under which a hook wants to hear of it. */
  private match(
    { rules = [], matchPolicy }: Invocation['hook'],
    subject: RuleSubject,
  ): Resource | undefined {
    if (rules.some((rule) => matchesRule(rule, subject))) return subject.resource;
    if (matchPolicy === 'Exact') return undefined;
    const { storeName } = subject.resource;
    const others = this.registry.resources.filter(
      (resource) => resource.storeName === storeName && resource !== subject.resource,
    );
    for (const rule of rules)
      for (const resource of others)
        if (matchesRule(rule, { ...subject, resource })) return resource;
    return undefined;
  }
}
