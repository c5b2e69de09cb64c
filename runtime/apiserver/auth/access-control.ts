/**
 * Authentication and authorization of one API server put together: what the listeners ask
 * (`tlsGate`), what the handler and the writer are given, and the background work behind it all.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import type { Random } from '../../std/random.ts';
import type { AdmissionPlugin } from '../admission/admission-chain.ts';
import type { QuestionHandler, SubresourceHandler } from '../api-response.ts';
import type { KindRegistry } from '../kind-registry.ts';
import type { Store } from '../store/store.ts';
import { makeAccessGate, type AccessGate } from './access-gate.ts';
import { makeAccessReviews } from './access-reviews.ts';
import {
  makeAdministratorToken,
  makeBearerAuthenticator,
  makeCertificateAuthenticator,
} from './authenticators.ts';
import { ClusterRoleAggregation } from './cluster-role-aggregation.ts';
import { RbacAuthorizer, type Authorizer } from './rbac-authorizer.ts';
import { reconcileBootstrapPolicy } from './reconcile-bootstrap-policy.ts';
import { makeRoleEscalationCheck } from './role-escalation.ts';
import { makeServiceAccountAdmission } from './service-account-admission.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { makeTokenRequestHandler } from './token-request.ts';
import { TokenSecrets } from './token-secrets.ts';

export interface AccessControlOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: nobody is the administrator by a token. */
  readonly administratorToken: string | undefined;
  /** See `ServiceAccountTokensOptions`. Undefined: one that is forgotten with the process. */
  readonly serviceAccountKey: string | undefined;
  readonly random: Random;
  /** PEM of the CA that programs with a token from a Secret trust. */
  readonly rootCa: string | undefined;
  /** Pods get a service account and its token: needs somebody who publishes `default` accounts. */
  readonly mountsTokens: boolean;
}

export class AccessControl {
  readonly authorizer: Authorizer;
  readonly tlsGate: AccessGate;
  readonly tokens: ServiceAccountTokens;
  /** For the handler, by `plural.group` and by `plural/subresource`. */
  readonly questions: ReadonlyMap<string, QuestionHandler>;
  readonly subresources: ReadonlyMap<string, SubresourceHandler>;
  /** For the writer's admission chain. */
  readonly admission: readonly AdmissionPlugin[];
  private readonly options: AccessControlOptions;
  private readonly rbac: RbacAuthorizer;
  private aggregation: ClusterRoleAggregation | undefined;
  private tokenSecrets: TokenSecrets | undefined;

  constructor(options: AccessControlOptions) {
    this.options = options;
    const { store, clock, administratorToken } = options;
    const rbac = new RbacAuthorizer(store);
    const key = options.serviceAccountKey ?? makeKey();
    const tokens = new ServiceAccountTokens({ store, clock, key });
    const administrator =
      administratorToken === undefined ? [] : [makeAdministratorToken(administratorToken)];
    const bearer = makeBearerAuthenticator([
      ...administrator,
      async (token) => (await tokens.verify(token))?.user,
    ]);
    this.rbac = rbac;
    this.authorizer = rbac;
    this.tokens = tokens;
    // As upstream: a certificate comes first, so that a stray token in a header does not hide it.
    this.tlsGate = makeAccessGate([makeCertificateAuthenticator(clock), bearer], rbac);
    this.questions = makeAccessReviews(
      rbac,
      (token, audiences) => tokens.verify(token, audiences),
      clock,
    );
    this.subresources = new Map([
      ['serviceaccounts/token', makeTokenRequestHandler({ store, clock, tokens })],
    ]);
    this.admission = [
      makeRoleEscalationCheck(rbac),
      ...(options.mountsTokens ? [makeServiceAccountAdmission(options)] : []),
    ];
  }

  /**
   * Resolves when the bootstrap roles and bindings are on disk.
   * @param client in process: its writes are the server's own.
   */
  async start(client: KubeClient): Promise<void> {
    const { store, registry, clock, logger } = this.options;
    await reconcileBootstrapPolicy({ store, registry, client });
    this.aggregation = new ClusterRoleAggregation({ store, client, clock, logger });
    const { tokens } = this;
    const { rootCa } = this.options;
    this.tokenSecrets = new TokenSecrets({ store, client, clock, logger, tokens, rootCa });
  }

  stop(): void {
    this.rbac.close();
    this.aggregation?.stop();
    this.tokenSecrets?.stop();
  }
}

const makeKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
