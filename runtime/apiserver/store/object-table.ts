/** The present objects of one resource: found by namespace and name, listed in key order. */
import type { KubeObject } from '../../apis/meta/object.ts';

interface Room {
  readonly objects: Map<string, KubeObject>;
  /** Kept from the first list on: most resources are never listed, others all the time. */
  names: string[] | undefined;
}

/**
 * The order of upstream's keys, `namespace/name` byte by byte: `a-b/x` comes before `a/x`, since a
 * hyphen sorts before a slash.
 */
export function compareKeys(
  a: { namespace?: string | undefined; name: string },
  b: { namespace?: string | undefined; name: string },
): number {
  const { namespace: inA = '' } = a;
  const { namespace: inB = '' } = b;
  if (inA !== inB) return compareNamespaces(inA, inB);
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

const compareNamespaces = (a: string, b: string): number => (`${a}/` < `${b}/` ? -1 : 1);

export class ObjectTable {
  private readonly rooms = new Map<string, Room>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  get(namespace: string, name: string): KubeObject | undefined {
    return this.rooms.get(namespace)?.objects.get(name);
  }

  set(namespace: string, name: string, object: KubeObject): void {
    let room = this.rooms.get(namespace);
    if (!room) {
      room = { objects: new Map(), names: undefined };
      this.rooms.set(namespace, room);
    }
    if (!room.objects.has(name)) {
      this.count++;
      room.names?.splice(indexOf(room.names, name), 0, name);
    }
    room.objects.set(name, object);
  }

  delete(namespace: string, name: string): void {
    const room = this.rooms.get(namespace);
    if (!room?.objects.delete(name)) return;
    this.count--;
    room.names?.splice(indexOf(room.names, name), 1);
    if (room.objects.size === 0) this.rooms.delete(namespace);
  }

  /** In the order of `compareKeys`; the array is the caller's. */
  list(namespace?: string): KubeObject[] {
    const namespaces =
      namespace === undefined ? [...this.rooms.keys()].sort(compareNamespaces) : [namespace];
    const all: KubeObject[] = [];
    for (const key of namespaces) {
      const room = this.rooms.get(key);
      if (!room) continue;
      room.names ??= [...room.objects.keys()].sort();
      for (const name of room.names) {
        const object = room.objects.get(name);
        if (object) all.push(object);
      }
    }
    return all;
  }
}

/** Where a name is among sorted ones, or where it belongs. */
function indexOf(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
