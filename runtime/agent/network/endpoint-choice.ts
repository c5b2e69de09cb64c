/**
 * Which endpoint of a Service a client gets: one after the other, or the same as last time where the
 * Service wants that. Used by the proxy's listeners of both protocols.
 */
import type { Clock } from '../../std/clock.ts';
import type { Endpoint, ServiceTarget } from './service-targets.ts';

/** Clients whose endpoint is remembered; beyond that the oldest are forgotten. */
const AFFINITIES_MAX = 10_000;

interface Affinity {
  readonly endpoint: Endpoint;
  readonly untilMs: number;
}

export class EndpointChoice {
  private readonly clock: Clock;
  private readonly affinities = new Map<string, Affinity>();
  private next = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Undefined when none is left. @param tried those that have not answered */
  choose(
    { endpoints, affinityMs }: Pick<ServiceTarget, 'endpoints' | 'affinityMs'>,
    clientAddress: string,
    tried: ReadonlySet<Endpoint> = new Set(),
  ): Endpoint | undefined {
    const nowMs = this.clock.now();
    const same = affinityMs === undefined ? undefined : this.affinities.get(clientAddress);
    const kept =
      same &&
      same.untilMs > nowMs &&
      endpoints.find(
        ({ host, port }) => host === same.endpoint.host && port === same.endpoint.port,
      );
    const chosen = kept && !tried.has(kept) ? kept : this.chooseNext(endpoints, tried);
    if (chosen && affinityMs !== undefined) {
      this.affinities.delete(clientAddress);
      this.affinities.set(clientAddress, { endpoint: chosen, untilMs: nowMs + affinityMs });
      const [oldest] = this.affinities.keys();
      if (this.affinities.size > AFFINITIES_MAX && oldest !== undefined)
        this.affinities.delete(oldest);
    }
    return chosen;
  }

  private chooseNext(
    endpoints: readonly Endpoint[],
    tried: ReadonlySet<Endpoint>,
  ): Endpoint | undefined {
    for (let step = 0; step < endpoints.length; step++) {
      const endpoint = endpoints[this.next++ % endpoints.length];
      if (endpoint && !tried.has(endpoint)) return endpoint;
    }
    return undefined;
  }
}
