/**
 * Work that waits only when it has to. The path of a scale-up runs through code that may call a
 * webhook but mostly does not, and it must not lose a tick for that possibility.
 */
export type MaybePromise<T> = T | Promise<T>;

/** `next` runs at once when there is nothing to wait for. A throw of `next` is then a throw here. */
export function andThen<T, U>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<U>,
): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
