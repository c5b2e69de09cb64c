/**
 * Admission of one revision: which ready pod takes a request, and the bounded queue of those that
 * wait. A pod never holds more than `containerConcurrency` requests of this gateway. No I/O.
 * Source: knative/serving pkg/activator/net (throttler, lb_policy), pkg/queue/breaker.go.
 */
import type { Clock } from '../std/clock.ts';
import type { Random } from '../std/random.ts';
import { GatewayError } from './gateway-error.ts';
import { PodTarget } from './pod-target.ts';
import type { Address } from './upstream-connection.ts';

/** Requests that wait per revision; Knative's activator has the same depth. */
export const QUEUE_DEPTH_MAX = 10_000;
/** How long a pod that refused a connection is passed over the first time; doubles while it goes on. */
const SUSPECT_MS = 50;
const SUSPECT_DOUBLINGS_MAX = 5;

export interface Waiter {
  /** Called when a pod with a free slot is found after waiting; the slot is taken already. */
  onPod(pod: PodTarget): void;
}

export interface ReadyPod {
  readonly name: string;
  readonly address: Address;
}

export interface ThrottlerOptions {
  /** 0 = unlimited. */
  readonly containerConcurrency: number;
  readonly clock: Clock;
  readonly random: Random;
  /** A request waits and no pod is ready: someone must start one. */
  readonly onStarved: () => void;
  /** @default QUEUE_DEPTH_MAX */
  readonly queueDepthMax?: number;
}

export class Throttler {
  private readonly options: ThrottlerOptions;
  private concurrency: number;
  private pods: PodTarget[] = [];
  private nextPod = 0;
  /** Insertion order is arrival order. */
  private readonly queue = new Set<Waiter>();

  constructor(options: ThrottlerOptions) {
    this.options = options;
    this.concurrency = options.containerConcurrency;
  }

  get queued(): number {
    return this.queue.size;
  }

  get readyPods(): number {
    return this.pods.length;
  }

  get inFlight(): number {
    let sum = 0;
    for (const pod of this.pods) sum += pod.inFlight;
    return sum;
  }

  /** A lower limit takes effect as requests end. */
  setConcurrency(containerConcurrency: number): void {
    this.concurrency = containerConcurrency;
    this.dispatch();
  }

  /** Replaces the ready pods; one that stays (same name and address) keeps its connections. */
  setPods(ready: readonly ReadyPod[]): void {
    const old = new Map(this.pods.map((pod) => [pod.name, pod]));
    this.pods = ready.map(({ name, address }) => {
      const known = old.get(name);
      if (known?.address.host !== address.host || known.address.port !== address.port)
        return new PodTarget(name, address);
      old.delete(name);
      return known;
    });
    for (const pod of old.values()) pod.retire();
    this.dispatch();
    // The last pod went while requests wait: scaling to zero has met new traffic.
    if (this.pods.length === 0 && this.queue.size > 0) this.options.onStarved();
  }

  /**
   * A pod with the slot taken, or undefined when the waiter now waits in the queue.
   * @throws {GatewayError} queue-full.
   */
  acquire(waiter: Waiter): PodTarget | undefined {
    // Whoever waits already comes first.
    const pod = this.queue.size === 0 ? this.reserve() : undefined;
    if (pod) return pod;
    if (this.queue.size >= (this.options.queueDepthMax ?? QUEUE_DEPTH_MAX))
      throw new GatewayError('queue-full', 'pending request queue full');
    this.queue.add(waiter);
    if (this.pods.length === 0) this.options.onStarved();
    return undefined;
  }

  /** Takes a waiter out of the queue; false when it is not there. */
  cancel(waiter: Waiter): boolean {
    return this.queue.delete(waiter);
  }

  /** Gives the slot back. */
  release(pod: PodTarget): void {
    pod.inFlight -= 1;
    if (this.queue.size > 0) this.dispatch();
  }

  /**
   * The pod did not take a connection: gives its slot back and passes it over for a moment, so that
   * the request goes elsewhere if there is an elsewhere.
   */
  releaseUnreachable(pod: PodTarget): void {
    pod.inFlight -= 1;
    if (!pod.isSuspect) {
      pod.isSuspect = true;
      const delayMs = SUSPECT_MS * 2 ** Math.min(pod.failures, SUSPECT_DOUBLINGS_MAX);
      pod.failures += 1;
      this.options.clock.after(delayMs, () => {
        pod.isSuspect = false;
        this.dispatch();
      });
    }
    this.dispatch();
  }

  closeStale(nowMs: number): void {
    for (const pod of this.pods) pod.closeStale(nowMs);
  }

  /** Retires all pods; what waits goes on waiting for its timeout. */
  close(): void {
    for (const pod of this.pods) pod.retire();
    this.pods = [];
  }

  private dispatch(): void {
    for (const waiter of this.queue) {
      const pod = this.reserve();
      if (!pod) return;
      this.queue.delete(waiter);
      waiter.onPod(pod);
    }
  }

  private reserve(): PodTarget | undefined {
    const pod = this.concurrency === 0 ? this.pickByLoad() : this.pickFree();
    if (pod) pod.inFlight += 1;
    return pod;
  }

  /** Power of two choices: of two random pods the one with less to do. */
  private pickByLoad(): PodTarget | undefined {
    const { pods } = this;
    if (pods.length === 1) return pods[0]!.isSuspect ? undefined : pods[0];
    if (pods.length === 0) return undefined;
    const { random } = this.options;
    const one = Math.floor(random() * pods.length);
    let two = Math.floor(random() * (pods.length - 1));
    if (two >= one) two += 1;
    const [a, b] = [pods[one]!, pods[two]!];
    if (a.isSuspect || b.isSuspect)
      return !a.isSuspect ? a : !b.isSuspect ? b : pods.find((pod) => !pod.isSuspect);
    return a.inFlight <= b.inFlight ? a : b;
  }

  /** Round robin over the pods that have a free slot. */
  private pickFree(): PodTarget | undefined {
    const { pods } = this;
    for (let step = 0; step < pods.length; step++) {
      const pod = pods[(this.nextPod + step) % pods.length]!;
      if (pod.isSuspect || pod.inFlight >= this.concurrency) continue;
      this.nextPod = (this.nextPod + step + 1) % pods.length;
      return pod;
    }
    return undefined;
  }
}
