/**
 * Runs a task per item, so many at a time, and keeps the order of results. The first error aborts the
 * signal, so that the tasks under way may end early, and is thrown once none is left: a task that
 * goes on alone would keep the process alive.
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const abort = new AbortController();
  const errors: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !abort.signal.aborted) {
      const index = next++;
      try {
        results[index] = await task(items[index] as T, abort.signal);
      } catch (error) {
        errors.push(error);
        abort.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
  return results;
}
