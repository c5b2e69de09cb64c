/**
 * The bytes of what watches deliver, kept so that a change is encoded once for all who hear of it: each
 * further watcher costs a reference. Two generations: the older one is dropped when the younger is
 * full, so that a stored object does not keep its bytes for life.
 */
interface Encoding {
  readonly type: string;
  readonly bytes: Buffer;
}

export class RecentEncodings {
  private readonly bytesMax: number;
  private young = new WeakMap<object, Encoding>();
  private old = new WeakMap<object, Encoding>();
  private youngBytes = 0;

  /** @param bytesMax of one generation. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /**
   * @param type of the event: an object is rarely told as two, and then the last one is kept.
   * @param encode asked only when it must be; what is not frozen may change, and is asked for each time.
   */
  of(object: object, type: string, encode: () => Buffer): Buffer {
    const known = this.young.get(object);
    if (known?.type === type) return known.bytes;
    const older = this.old.get(object);
    const encoding = older?.type === type ? older : { type, bytes: encode() };
    if (!Object.isFrozen(object)) return encoding.bytes;
    this.youngBytes += encoding.bytes.length;
    if (this.youngBytes > this.bytesMax) {
      this.old = this.young;
      this.young = new WeakMap();
      this.youngBytes = encoding.bytes.length;
    }
    this.young.set(object, encoding);
    return encoding.bytes;
  }
}
