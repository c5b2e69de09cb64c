/**
 * The tokens that a Pod's projected volumes ask for: fetched before its first container starts,
 * bound to the Pod, and fetched again long before they end. Knows no files; pod-volumes.ts writes.
 * Source: k8s.io/kubernetes pkg/kubelet/token/token_manager.go (when a token is old).
 */
import { type Pod, serviceAccountKind } from '../../apis/core/types.ts';
import { ApiError } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import { objectPath } from '../../kube/resource-path.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';

/** A token is replaced after this part of its time, and after a day in any case. */
const RENEW_RATIO = 0.8;
const RENEW_MS_MAX = 24 * 3_600 * 1_000;
const RETRY_MS = 10_000;

/** `serviceAccountToken` of a projected volume's source, with the API's defaults. */
export interface TokenProjection {
  readonly path: string;
  readonly audience?: string;
  readonly expirationSeconds?: number;
}

export interface PodTokensDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** New tokens are there: write them. */
  readonly onRenewed: () => void;
}

interface TokenRequest {
  readonly status?: { readonly token?: string; readonly expirationTimestamp?: string };
}

export class PodTokens {
  private readonly deps: PodTokensDeps;
  private readonly pod: Pod;
  private readonly wanted: readonly TokenProjection[];
  private tokens = new Map<string, string>();
  private cancelTimer: CancelTimer | undefined;
  private isClosed = false;

  constructor(pod: Pod, deps: PodTokensDeps) {
    this.pod = pod;
    this.deps = deps;
    this.wanted = projectionsOf(pod);
  }

  /** Undefined when the Pod wants none, so that its start need not wait. Rejects when the API refuses one. */
  fetch(): Promise<void> | undefined {
    return this.wanted.length === 0 ? undefined : this.fetchAll();
  }

  /** Undefined before the first fetch. */
  find(projection: TokenProjection): string | undefined {
    return this.tokens.get(keyOf(projection));
  }

  close(): void {
    this.isClosed = true;
    this.cancelTimer?.();
  }

  private async fetchAll(): Promise<void> {
    const { clock } = this.deps;
    const startMs = clock.now();
    const found = await Promise.all(
      this.wanted.map(async (projection) => ({ projection, ...(await this.request(projection)) })),
    );
    this.tokens = new Map(found.map(({ projection, token }) => [keyOf(projection), token]));
    if (this.isClosed) return;
    const lifeMs = Math.min(...found.map(({ endMs }) => endMs - startMs));
    this.renewAfter(Math.min(lifeMs * RENEW_RATIO, RENEW_MS_MAX));
  }

  private renewAfter(delayMs: number): void {
    this.cancelTimer?.();
    this.cancelTimer = this.deps.clock.after(delayMs, () => void this.renew());
  }

  private async renew(): Promise<void> {
    try {
      await this.fetchAll();
      if (!this.isClosed) this.deps.onRenewed();
    } catch (error) {
      if (this.isClosed) return;
      this.deps.logger.warn('failed to renew the tokens of a pod, trying again', {
        pod: this.pod.metadata.name,
        error: error instanceof Error ? error.message : String(error),
      });
      this.renewAfter(RETRY_MS);
    }
  }

  private async request(
    projection: TokenProjection,
  ): Promise<{ readonly token: string; readonly endMs: number }> {
    const { namespace, name, uid } = this.pod.metadata;
    const account = this.pod.spec.serviceAccountName ?? 'default';
    const { audience, expirationSeconds } = projection;
    const response = await this.deps.client.transport.request({
      method: 'POST',
      path: objectPath(serviceAccountKind, { namespace, name: account }, 'token'),
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience ? [audience] : [],
          ...(expirationSeconds === undefined ? {} : { expirationSeconds }),
          boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid },
        },
      },
    });
    if (response.status >= 400) throw ApiError.from(response.status, response.body);
    const { status } = response.body as TokenRequest;
    if (!status?.token || !status.expirationTimestamp)
      throw new Error(`the API gave no token for service account "${account}"`);
    return { token: status.token, endMs: Date.parse(status.expirationTimestamp) };
  }
}

function projectionsOf(pod: Pod): TokenProjection[] {
  return (pod.spec.volumes ?? []).flatMap(({ projected }) =>
    (projected?.sources ?? []).flatMap((source) => {
      const { serviceAccountToken } = source as { serviceAccountToken?: TokenProjection };
      return serviceAccountToken ? [serviceAccountToken] : [];
    }),
  );
}

const keyOf = ({ audience = '', expirationSeconds = 0 }: TokenProjection): string =>
  `${expirationSeconds} ${audience}`;
