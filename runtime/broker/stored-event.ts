/** An event and the headers that travel with it, as the body of a log record. Layout: u32 length of the JSON head | head | data. */
import type { AttributeValue, CloudEvent } from '../cloudevents/cloud-event.ts';

export interface StoredEvent {
  readonly event: CloudEvent;
  /** Whitelisted request headers (see forwarded-headers.ts), lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

interface Head {
  readonly a: Record<string, AttributeValue>;
  readonly h?: Record<string, string>;
  /** 1 when there is data, which may be empty. */
  readonly d: 0 | 1;
}

export function encodeStoredEvent({ event, headers }: StoredEvent): Buffer {
  const head: Head = {
    a: Object.fromEntries(event.attributes),
    ...(Object.keys(headers).length === 0 ? {} : { h: headers }),
    d: event.data === undefined ? 0 : 1,
  };
  const json = JSON.stringify(head);
  const headBytes = Buffer.byteLength(json);
  const body = Buffer.allocUnsafe(4 + headBytes + (event.data?.length ?? 0));
  body.writeUInt32BE(headBytes, 0);
  body.write(json, 4);
  if (event.data) body.set(event.data, 4 + headBytes);
  return body;
}

export function decodeStoredEvent(body: Buffer): StoredEvent {
  const headEnd = 4 + body.readUInt32BE(0);
  const head = JSON.parse(body.toString('utf8', 4, headEnd)) as Head;
  const data = head.d === 1 ? body.subarray(headEnd) : undefined;
  return { event: { attributes: new Map(Object.entries(head.a)), data }, headers: head.h ?? {} };
}
