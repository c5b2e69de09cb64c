/** The network that ClusterIPs come from: pure arithmetic between a slot number and an address. */

export interface ServiceRange {
  /** Addresses of the network, its own and the broadcast address included. */
  readonly size: number;
  /** Slots 1 to this are given last: they are where people choose addresses of their own. */
  readonly staticSize: number;
  addressOf(slot: number): string;
  /** False for the network's first and last address, which belong to no host. */
  includes(ip: string): boolean;
}

const STATIC_MIN = 16;
const STATIC_MAX = 256;
const STATIC_RATIO = 1 / 16;

/** @throws {Error} when it is not an IPv4 network of 12 to 28 bits. */
export function parseServiceRange(cidr: string): ServiceRange {
  const match = /^([\d.]+)\/(\d{1,2})$/.exec(cidr);
  const raw = parseIPv4(match?.[1] ?? '');
  const prefix = Number(match?.[2]);
  if (raw === undefined || !(prefix >= 12 && prefix <= 28))
    throw new Error(`${cidr} is not an IPv4 network for Services: use one like 10.128.0.0/16`);
  const size = 2 ** (32 - prefix);
  const base = Math.floor(raw / size) * size;
  return {
    size,
    staticSize: Math.min(
      STATIC_MAX,
      Math.max(STATIC_MIN, Math.floor(size * STATIC_RATIO)),
      size - 2,
    ),
    addressOf: (slot) =>
      [24, 16, 8, 0].map((shift) => Math.floor((base + slot) / 2 ** shift) % 256).join('.'),
    includes(ip) {
      const number = parseIPv4(ip);
      return number !== undefined && number > base && number < base + size - 1;
    },
  };
}

function parseIPv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part)))
    return undefined;
  const numbers = parts.map(Number);
  return numbers.some((part) => part > 255)
    ? undefined
    : numbers.reduce((sum, part) => sum * 256 + part, 0);
}
