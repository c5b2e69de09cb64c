/** Waits for objects to get into a state, by list and watch, with a limit. */
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

export interface WaitOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly timeoutMs: number;
  /** Ends the wait as the time limit does. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `evaluate` with all objects of the kind at first and after each change, until it returns
 * something. Resolves to that, or to undefined when the time is over. Rejects with what it throws.
 */
export async function waitUntil<T extends KubeObject, R>(
  client: KubeClient,
  kind: ResourceKind<T>,
  options: WaitOptions,
  evaluate: (objects: readonly T[]) => R | undefined,
): Promise<R | undefined> {
  const abort = new AbortController();
  const { timeoutMs, signal, ...scope } = options;
  const informers = new InformerFactory({
    client,
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
  });
  const informer = informers.informer(kind, scope);
  try {
    return await new Promise<R | undefined>((resolve, reject) => {
      // A plain timer on purpose: it keeps the process alive while the watch reconnects.
      const timer = setTimeout(() => resolve(undefined), timeoutMs);
      abort.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      const stop = (): void => resolve(undefined);
      signal?.addEventListener('abort', stop, { once: true, signal: abort.signal });
      if (signal?.aborted) stop();
      const check = (): void => {
        if (!informer.hasSynced || abort.signal.aborted) return;
        try {
          const result = evaluate(informer.list());
          if (result !== undefined) resolve(result);
        } catch (error) {
          reject(error);
        }
      };
      informer.onChange(check);
      informers.start(abort.signal);
      informers.waitForSync(abort.signal).then(check, () => undefined);
    });
  } finally {
    abort.abort();
  }
}
