/**
 * Which addresses the pods of a bridge get: a pure mapping between a slot number and an IPv4 address.
 * Slot 1 is the bridge itself; pods have slots from 2.
 */

export interface AddressPlan {
  /** The bridge's own address, which is the pods' gateway and name server. */
  readonly gateway: string;
  /** The bridge's own; without one it would take the lowest of its ports', which come and go. */
  readonly gatewayMac: string;
  readonly prefixLength: number;
  /** Network address and length, e.g. `10.63.0.0/16`. */
  readonly network: string;
  /** Pods have slots 2..slotMax. */
  readonly slotMax: number;
  addressOf(slot: number): string;
  /** Always the same for an address, so that nobody's ARP cache is wrong when it is used again. */
  macOf(slot: number): string;
}

/** Marks a locally administered unicast address. */
const MAC_PREFIX = [0x0a, 0x58];
const GATEWAY_SLOT = 1;

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
  const bytesOf = (slot: number): number[] =>
    [24, 16, 8, 0].map((shift) => Math.floor((base + slot) / 2 ** shift) % 256);
  const addressOf = (slot: number): string => bytesOf(slot).join('.');
  const macOf = (slot: number): string =>
    [...MAC_PREFIX, ...bytesOf(slot)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return {
    gateway: addressOf(GATEWAY_SLOT),
    gatewayMac: macOf(GATEWAY_SLOT),
    prefixLength,
    network: `${addressOf(0)}/${prefixLength}`,
    slotMax: size - 2,
    addressOf,
    macOf,
  };
}
