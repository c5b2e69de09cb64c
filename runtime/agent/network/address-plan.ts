/**
 * Which addresses the pods of a bridge get: a pure mapping between a slot number and an IPv4 address.
 * Slot 1 is the bridge itself; pods have slots from 2.
 */

export interface AddressPlan {
  /** The bridge's own address, which is the pods' gateway and name server. */
  readonly gateway: string;
  readonly prefixLength: number;
  /** Network address and length, e.g. `10.63.0.0/16`. */
  readonly network: string;
  /** Pods have slots 2..slotMax. */
  readonly slotMax: number;
  addressOf(slot: number): string;
}

/** @throws when it is not an IPv4 network of 8 to 29 bits. */
export function parseAddressPlan(cidr: string): AddressPlan {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  const parts = match?.slice(1).map(Number) ?? [];
  const prefixLength = parts[4] ?? 0;
  if (parts.slice(0, 4).some((part) => part > 255) || prefixLength < 8 || prefixLength > 29)
    throw new Error(`${cidr} is not an IPv4 network for pods: use one like 10.63.0.0/16`);
  const raw = parts.slice(0, 4).reduce((sum, part) => sum * 256 + part, 0);
  const size = 2 ** (32 - prefixLength);
  const base = Math.floor(raw / size) * size;
  const addressOf = (slot: number): string => {
    const value = base + slot;
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
  };
  return {
    gateway: addressOf(1),
    prefixLength,
    network: `${addressOf(0)}/${prefixLength}`,
    slotMax: size - 2,
    addressOf,
  };
}
