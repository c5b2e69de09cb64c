/**
 * An event as the runtime holds it: context attributes by name, and data as the bytes that arrived.
 * Data is never parsed here, so nothing between producer and consumer can change it. Version 0.3
 * events stay 0.3: intermediaries do not upgrade.
 * Source: CloudEvents 1.0.2 core specification, sections "Context Attributes" and "Type System".
 */

/** Structured mode knows integers and booleans; binary mode carries everything as a string. */
export type AttributeValue = string | number | boolean;

export interface CloudEvent {
  /** Every context attribute and extension by its lower-case name, `specversion` included. */
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  /** The body as it would travel in binary mode; undefined when the event has no data. */
  readonly data: Uint8Array | undefined;
}

/** Thrown for what is not a valid event; the message says which attribute and which rule. */
export class InvalidCloudEvent extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'InvalidCloudEvent';
  }
}

/** The attribute's canonical text; empty when it is absent. */
export function attributeText(event: CloudEvent, name: string): string {
  const value = event.attributes.get(name);
  return value === undefined ? '' : String(value);
}

/** A copy with some attributes set (or removed, where the value is undefined). Data is shared. */
export function withAttributes(
  event: CloudEvent,
  changes: Readonly<Record<string, AttributeValue | undefined>>,
): CloudEvent {
  const attributes = new Map(event.attributes);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) attributes.delete(name);
    else attributes.set(name, value);
  }
  return { attributes, data: event.data };
}

export interface NewEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly dataContentType?: string | undefined;
  readonly data?: Uint8Array | undefined;
  readonly extensions?: Readonly<Record<string, AttributeValue>> | undefined;
}

/** Makes a 1.0 event. The caller answers for valid values; `validateEvent` checks them. */
export function makeEvent(options: NewEvent): CloudEvent {
  const attributes = new Map<string, AttributeValue>([
    ['specversion', '1.0'],
    ['id', options.id],
    ['source', options.source],
    ['type', options.type],
  ]);
  if (options.dataContentType !== undefined)
    attributes.set('datacontenttype', options.dataContentType);
  for (const [name, value] of Object.entries(options.extensions ?? {})) attributes.set(name, value);
  return { attributes, data: options.data };
}
