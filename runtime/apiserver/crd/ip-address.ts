/**
 * IP addresses and networks as numbers: parsing without leniency, the one canonical text, and what
 * kind of address it is. Pure. Source: Go's net/netip (what is accepted, words of failures).
 */
export interface IpAddress {
  readonly family: 4 | 6;
  /** Of 32 or 128 bits. */
  readonly value: bigint;
}

export interface IpNetwork {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

const bitsOf = ({ family }: { readonly family: 4 | 6 }): number => (family === 4 ? 32 : 128);
const decimalByte = /^(?:0|[1-9]\d{0,2})$/;
const decimalNumber = /^(?:0|[1-9]\d{0,2})$/;

/** @returns undefined for anything that is not exactly an address. */
export function parseAddress(text: string): IpAddress | undefined {
  if (text.includes(':')) {
    const value = parseGroups(text);
    return value === undefined ? undefined : { family: 6, value };
  }
  const value = parseBytes(text);
  return value === undefined ? undefined : { family: 4, value };
}

function parseBytes(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (!decimalByte.test(part) || Number(part) > 255) return undefined;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parseGroups(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const lists = halves.map((half) => (half === '' ? [] : half.split(':')));
  const all = lists.flat();
  const last = all.at(-1) ?? '';
  const groups: bigint[] = [];
  for (const [index, group] of all.entries()) {
    if (index === all.length - 1 && last.includes('.')) {
      const bytes = parseBytes(last);
      if (bytes === undefined) return undefined;
      groups.push(bytes >> 16n, bytes & 0xffffn);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(group)) groups.push(BigInt(`0x${group}`));
    else return undefined;
  }
  const missing = 8 - groups.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const before = lists[0]?.length ?? 0;
  const filled =
    halves.length === 1
      ? groups
      : [
          ...groups.slice(0, before),
          ...Array.from({ length: missing }, () => 0n),
          ...groups.slice(before),
        ];
  return filled.reduce((value, group) => (value << 16n) | group, 0n);
}

/** `::ffff:1.2.3.4`, an IPv4 address in disguise. */
export const isMapped = ({ family, value }: IpAddress): boolean =>
  family === 6 && value >> 32n === 0xffffn;

/** The shortest text, in lower case; of several runs of zeros the first longest one is left out. */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  if (best.start < 0) return groups.join(':');
  const before = groups.slice(0, best.start).join(':');
  return `${before}::${groups.slice(best.start + best.length).join(':')}`;
}

/** @returns undefined for anything that is not exactly a network; bits below the prefix may be set. */
export function parseNetwork(text: string): IpNetwork | undefined {
  const slash = text.lastIndexOf('/');
  if (slash < 0) return undefined;
  const address = parseAddress(text.slice(0, slash));
  const bits = text.slice(slash + 1);
  if (!address || !decimalNumber.test(bits) || Number(bits) > bitsOf(address)) return undefined;
  return { address, prefixLength: Number(bits) };
}

export const formatNetwork = ({ address, prefixLength }: IpNetwork): string =>
  `${formatAddress(address)}/${prefixLength}`;

const hostBits = (network: IpNetwork): bigint =>
  BigInt(bitsOf(network.address) - network.prefixLength);

/** The same network with no bits below its prefix. */
export function maskNetwork(network: IpNetwork): IpNetwork {
  const { address, prefixLength } = network;
  const shift = hostBits(network);
  return { prefixLength, address: { ...address, value: (address.value >> shift) << shift } };
}

export const containsAddress = (network: IpNetwork, address: IpAddress): boolean =>
  address.family === network.address.family &&
  address.value >> hostBits(network) === network.address.value >> hostBits(network);

export const containsNetwork = (network: IpNetwork, other: IpNetwork): boolean =>
  other.prefixLength >= network.prefixLength && containsAddress(network, other.address);

const within = (address: IpAddress, network: string): boolean => {
  const parsed = parseNetwork(network);
  return parsed !== undefined && containsAddress(parsed, address);
};

export const isUnspecified = ({ value }: IpAddress): boolean => value === 0n;
export const isLoopback = (address: IpAddress): boolean =>
  within(address, '127.0.0.0/8') || within(address, '::1/128');
export const isLinkLocalMulticast = (address: IpAddress): boolean =>
  within(address, '224.0.0.0/24') || within(address, 'ff02::/16');
export const isLinkLocalUnicast = (address: IpAddress): boolean =>
  within(address, '169.254.0.0/16') || within(address, 'fe80::/10');
export const isGlobalUnicast = (address: IpAddress): boolean =>
  !isUnspecified(address) &&
  !isLoopback(address) &&
  !isLinkLocalUnicast(address) &&
  !within(address, '224.0.0.0/4') &&
  !within(address, 'ff00::/8') &&
  !within(address, '255.255.255.255/32');
