/**
 * Authentication and authorization of one API server put together: what the listeners ask
 * (`tlsGate`), what other parts ask (`authorizer`), and the background work behind both.
 */
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import type { KindRegistry } from '../kind-registry.ts';
import type { Store } from '../store/store.ts';
import { makeAccessGate, type AccessGate } from './access-gate.ts';
import {
  makeAdministratorToken,
  makeBearerAuthenticator,
  makeCertificateAuthenticator,
} from './authenticators.ts';
import { ClusterRoleAggregation } from './cluster-role-aggregation.ts';
import { RbacAuthorizer, type Authorizer } from './rbac-authorizer.ts';
import { reconcileBootstrapPolicy } from './reconcile-bootstrap-policy.ts';

export interface AccessControlOptions {
  readonly store: Store;
  readonly registry: KindRegistry;
  /** In process: its writes are the server's own. */
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Undefined: nobody is the administrator by a token. */
  readonly administratorToken: string | undefined;
}

export class AccessControl {
  readonly authorizer: Authorizer;
  readonly tlsGate: AccessGate;
  private readonly options: AccessControlOptions;
  private readonly rbac: RbacAuthorizer;
  private aggregation: ClusterRoleAggregation | undefined;

  constructor(options: AccessControlOptions) {
    this.options = options;
    const { store, clock, administratorToken } = options;
    this.rbac = new RbacAuthorizer(store);
    this.authorizer = this.rbac;
    const tokens =
      administratorToken === undefined ? [] : [makeAdministratorToken(administratorToken)];
    // As upstream: a certificate comes first, so that a stray token in a header does not hide it.
    this.tlsGate = makeAccessGate(
      [makeCertificateAuthenticator(clock), makeBearerAuthenticator(tokens)],
      this.rbac,
    );
  }

  /** Resolves when the bootstrap roles and bindings are on disk. */
  async start(): Promise<void> {
    const { store, client, clock, logger } = this.options;
    await reconcileBootstrapPolicy(this.options);
    this.aggregation = new ClusterRoleAggregation({ store, client, clock, logger });
  }

  stop(): void {
    this.rbac.close();
    this.aggregation?.stop();
  }
}
