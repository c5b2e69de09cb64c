/**
 * Runs attempts of TaskRuns beside the reconciler, a bounded number at once, and remembers how each
 * ended until it is told to forget. Knows nothing of what an attempt does: that is `execute`.
 */
import type { ParamValue, StepState } from '../apis/tekton/types.ts';
import type { RunnableTask } from './resolve-task-run.ts';

export interface Outcome {
  readonly steps: readonly StepState[];
  readonly results: readonly { name: string; type: string; value: ParamValue }[];
  readonly failure?: { readonly reason: string; readonly message: string };
}

export type ExecutionView =
  | { readonly phase: 'none' }
  | { readonly phase: 'queued' }
  | { readonly phase: 'running'; readonly steps: readonly StepState[] }
  | { readonly phase: 'finished'; readonly outcome: Outcome };

/** One attempt. Reports steps as they change; must return soon after the signal aborts. */
export type Execute = (
  run: RunnableTask,
  options: { signal: AbortSignal; onSteps: (steps: readonly StepState[]) => void },
) => Promise<Outcome>;

export interface ExecutorOptions {
  readonly execute: Execute;
  /** Attempts at once; the rest waits in order. */
  readonly concurrency: number;
  /** Something about the TaskRun of this key (`namespace/name`) changed. */
  readonly onChange: (key: string) => void;
}

interface Entry {
  readonly key: string;
  readonly run: RunnableTask;
  readonly abort: AbortController;
  view: ExecutionView;
  done: Promise<void>;
}

export class Executor {
  private readonly options: ExecutorOptions;
  private readonly entries = new Map<string, Entry>();
  private readonly queue: Entry[] = [];
  private running = 0;

  constructor(options: ExecutorOptions) {
    this.options = options;
  }

  view(uid: string, attempt: number): ExecutionView {
    return this.entries.get(idOf(uid, attempt))?.view ?? { phase: 'none' };
  }

  /** Queues an attempt; one that is known already is left alone. */
  start(run: RunnableTask): void {
    const id = idOf(run.uid, run.attempt);
    if (this.entries.has(id)) return;
    const entry: Entry = {
      key: `${run.namespace}/${run.name}`,
      run,
      abort: new AbortController(),
      view: { phase: 'queued' },
      done: Promise.resolve(),
    };
    this.entries.set(id, entry);
    this.queue.push(entry);
    this.pump();
  }

  /** Ends and forgets every attempt of the TaskRun with this key, except those of `keepUid`. */
  stop(key: string, keepUid?: string): void {
    for (const [id, entry] of this.entries) {
      if (entry.key !== key || entry.run.uid === keepUid) continue;
      this.entries.delete(id);
      const queued = this.queue.indexOf(entry);
      if (queued >= 0) this.queue.splice(queued, 1);
      entry.abort.abort(new Error('stopped'));
      // Until its processes are gone it still holds its slot, so keep it where close() waits for it.
      void this.track(entry.done);
    }
  }

  /** Aborts everything and resolves when no attempt is left running. */
  async close(): Promise<void> {
    this.queue.length = 0;
    for (const { abort, done } of this.entries.values()) {
      abort.abort(new Error('shutting down'));
      void this.track(done);
    }
    this.entries.clear();
    await Promise.all(this.ending);
  }

  private readonly ending = new Set<Promise<void>>();

  private async track(done: Promise<void>): Promise<void> {
    this.ending.add(done);
    await done;
    this.ending.delete(done);
  }

  private pump(): void {
    while (this.running < this.options.concurrency) {
      const entry = this.queue.shift();
      if (!entry) return;
      this.running += 1;
      entry.done = this.run(entry);
    }
  }

  private async run(entry: Entry): Promise<void> {
    const report = (view: ExecutionView): void => {
      if (entry.abort.signal.aborted) return;
      entry.view = view;
      this.options.onChange(entry.key);
    };
    report({ phase: 'running', steps: [] });
    try {
      const outcome = await this.options.execute(entry.run, {
        signal: entry.abort.signal,
        onSteps: (steps) => report({ phase: 'running', steps }),
      });
      report({ phase: 'finished', outcome });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const failure = { reason: 'Failed', message };
      report({ phase: 'finished', outcome: { steps: [], results: [], failure } });
    } finally {
      this.running -= 1;
      this.pump();
    }
  }
}

const idOf = (uid: string, attempt: number): string => `${uid}/${attempt}`;
