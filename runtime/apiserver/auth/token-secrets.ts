/**
 * Fills Secrets of type `kubernetes.io/service-account-token` with a lasting token of the account
 * that their annotation names, and removes those whose account is gone.
 * Source: k8s.io/kubernetes pkg/controller/serviceaccount/tokens_controller.go (behaviour).
 */
import { secretKind, type Secret } from '../../apis/core/types.ts';
import { keyOf, splitKey } from '../../apis/meta/object.ts';
import { isConflict, isNotFound } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { KeyWorker } from '../key-worker.ts';
import type { Store } from '../store/store.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

const TOKEN_TYPE = 'kubernetes.io/service-account-token';
const NAME_ANNOTATION = 'kubernetes.io/service-account.name';
const UID_ANNOTATION = 'kubernetes.io/service-account.uid';

export interface TokenSecretsOptions {
  readonly store: Store;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tokens: ServiceAccountTokens;
  /** PEM that goes along with the token. Undefined leaves it out. */
  readonly rootCa: string | undefined;
}

export class TokenSecrets {
  private readonly options: TokenSecretsOptions;
  private readonly worker: KeyWorker;
  private readonly stops: readonly (() => void)[];

  constructor(options: TokenSecretsOptions) {
    this.options = options;
    const { store, clock, logger } = options;
    this.worker = new KeyWorker({
      name: 'token-secrets',
      clock,
      logger,
      work: (key) => this.process(key),
    });
    const enqueue = (object: object): void => {
      const secret = object as Secret & { type?: string };
      if (secret.type === TOKEN_TYPE) this.worker.enqueue(keyOf(secret.metadata));
    };
    this.stops = [
      store.listen('/secrets', ({ type, object }) => type !== 'DELETED' && enqueue(object)),
      // An account that goes takes its secrets along: seldom enough to look at all of them.
      store.listen('/serviceaccounts', ({ type, object }) => {
        if (type !== 'MODIFIED')
          for (const secret of store.list('/secrets', object.metadata.namespace)) enqueue(secret);
      }),
    ];
    for (const secret of store.list('/secrets')) enqueue(secret);
  }

  stop(): void {
    for (const stop of this.stops) stop();
    this.worker.stop();
  }

  private async process(key: string): Promise<void> {
    const { store, client, tokens, rootCa } = this.options;
    const { namespace, name } = splitKey(key);
    const secret: Secret | undefined = store.get('/secrets', namespace, name);
    if (!secret || secret.metadata.deletionTimestamp) return;
    const { annotations = {}, uid } = secret.metadata;
    const accountName = annotations[NAME_ANNOTATION] ?? '';
    const account = store.get('/serviceaccounts', namespace, accountName);
    const accountUid = account?.metadata.uid ?? '';
    const wantedUid = annotations[UID_ANNOTATION];
    try {
      if (!account || (wantedUid && wantedUid !== accountUid)) {
        await client.delete(secretKind, { namespace, name }, uid === undefined ? {} : { uid });
        return;
      }
      const data = secret.data ?? {};
      const isFilled = data['token'] && data['namespace'] && (data['ca.crt'] || !rootCa);
      if (isFilled && wantedUid) return;
      const encode = (text: string): string => Buffer.from(text).toString('base64');
      const token = data['token'] ?? encode(await tokens.issueForSecret(account, name));
      await client.update(secretKind, {
        ...secret,
        metadata: {
          ...secret.metadata,
          annotations: { ...annotations, [UID_ANNOTATION]: accountUid },
        },
        data: {
          ...data,
          token,
          namespace: encode(namespace),
          ...(rootCa === undefined ? {} : { 'ca.crt': encode(rootCa) }),
        },
      });
    } catch (error) {
      // Whoever changed or removed the secret in between has caused another turn.
      if (!isConflict(error) && !isNotFound(error)) throw error;
    }
  }
}
