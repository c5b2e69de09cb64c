/**
 * Writes what is known of a Pod to its object: its status, and once what status cannot say. One write
 * at a time, each with the latest state, so that an API that is slow or away sees fewer of them.
 */
import { type Pod, podKind } from '../../apis/core/types.ts';
import { hostPortAnnotation } from '../../apis/knit.ts';
import { ApiUnreachable, isNotFound } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { CancelTimer, Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import type { Sandbox } from '../driver.ts';
import { type ContainerProgress, type InitProgress, makePodStatus } from './pod-status.ts';

export interface StatusWriterDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  readonly hostIP: string;
}

/** The pod as its worker knows it at that moment. */
export interface PodSnapshot {
  readonly pod: Pod;
  readonly containers: readonly ContainerProgress[];
  readonly inits: readonly InitProgress[];
  /** Nothing of it runs, and nothing will. */
  readonly isOver: boolean;
  readonly sandbox: Sandbox | undefined;
  readonly startTime: string;
  readonly isStopping: boolean;
}

const RETRY_MS = 500;

export class StatusWriter {
  private readonly deps: StatusWriterDeps;
  private readonly look: () => PodSnapshot;
  private written = '';
  private isWriting = false;
  private isDirty = false;
  private isAnnounced = false;
  private isClosed = false;
  private cancelRetry: CancelTimer | undefined;

  constructor(deps: StatusWriterDeps, look: () => PodSnapshot) {
    this.deps = deps;
    this.look = look;
  }

  /** Writes the status if it differs from what was written last; retries until the API takes it. */
  flush(): void {
    if (this.isClosed) return;
    this.isDirty = true;
    if (this.isWriting) return;
    this.isWriting = true;
    void this.write().finally(() => {
      this.isWriting = false;
      // A change between the last look and this turn would otherwise wait for the next one.
      if (this.isDirty) this.flush();
    });
  }

  /** No write begins any more. */
  close(): void {
    this.isClosed = true;
    this.cancelRetry?.();
  }

  private async write(): Promise<void> {
    while (this.isDirty && !this.isClosed) {
      this.isDirty = false;
      try {
        await this.announce();
        await this.writeStatus();
      } catch (error) {
        if (isNotFound(error)) return;
        if (!(error instanceof ApiUnreachable))
          this.deps.logger.warn('failed to write the status of a pod', {
            pod: this.look().pod.metadata.name,
            error: error instanceof Error ? error.message : String(error),
          });
        this.cancelRetry?.();
        this.cancelRetry = this.deps.clock.after(RETRY_MS, () => this.flush());
        return;
      }
    }
  }

  /** The node that runs it, and the port of the process driver. */
  private async announce(): Promise<void> {
    if (this.isAnnounced) return;
    const { pod, sandbox } = this.look();
    const { hostPort } = sandbox ?? {};
    const body: Record<string, unknown> = {};
    if (hostPort !== undefined)
      body['metadata'] = { annotations: { [hostPortAnnotation]: String(hostPort) } };
    if (!pod.spec.nodeName) body['spec'] = { nodeName: this.deps.nodeName };
    if (Object.keys(body).length > 0) {
      const { namespace = '', name } = pod.metadata;
      await this.deps.client.patch(podKind, { namespace, name }, { type: 'merge', body });
    }
    if (sandbox) this.isAnnounced = true;
  }

  private async writeStatus(): Promise<void> {
    const { pod, containers, inits, isOver, sandbox, startTime, isStopping } = this.look();
    const status = makePodStatus({
      previous: pod.status,
      containers,
      inits,
      isOver,
      podIP: sandbox?.podIP,
      hostIP: this.deps.hostIP,
      startTime,
      isStopping,
      now: new Date(this.deps.clock.now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    });
    const text = JSON.stringify(status);
    if (text === this.written) return;
    const { namespace = '', name } = pod.metadata;
    const options = { type: 'merge', subresource: 'status', body: { status } } as const;
    await this.deps.client.patch(podKind, { namespace, name }, options);
    this.written = text;
  }
}
