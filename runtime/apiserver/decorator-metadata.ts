/**
 * The part of the `Reflect` metadata proposal that @peculiar/x509's dependency injection asks its
 * importer for. Own metadata and inheritance over the prototype chain; nothing per property.
 * Installed right before that import and by nobody else.
 */

type Metadata = Map<unknown, unknown>;

interface ReflectWithMetadata {
  getMetadata?: (key: unknown, target: object) => unknown;
  getOwnMetadata?: (key: unknown, target: object) => unknown;
  defineMetadata?: (key: unknown, value: unknown, target: object) => void;
  metadata?: (key: unknown, value: unknown) => (target: object, property?: unknown) => void;
}

/** Does nothing when somebody has installed a complete one already. */
export function installDecoratorMetadata(): void {
  const reflect = Reflect as ReflectWithMetadata;
  if (reflect.getMetadata) return;
  const store = new WeakMap<object, Metadata>();
  const getOwn = (key: unknown, target: object): unknown => store.get(target)?.get(key);
  reflect.getOwnMetadata = getOwn;
  reflect.getMetadata = (key, target) => {
    for (
      let at: object | null = target;
      at !== null;
      at = Object.getPrototypeOf(at) as object | null
    )
      if (store.get(at)?.has(key)) return getOwn(key, at);
    return undefined;
  };
  reflect.defineMetadata = (key, value, target) => {
    const own = store.get(target);
    if (own) own.set(key, value);
    else store.set(target, new Map([[key, value]]));
  };
  reflect.metadata = (key, value) => (target, property) => {
    if (property === undefined) reflect.defineMetadata?.(key, value, target);
  };
}
