/**
 * CEL's `ip(...)` and `cidr(...)`. Pure.
 * Source: k8s.io/apiserver pkg/cel/library/{ip,cidr}.go (names, behaviour, words).
 */
import type { Environment } from '@marcbachmann/cel-js';
import {
  containsAddress,
  containsNetwork,
  formatAddress,
  formatNetwork,
  isGlobalUnicast,
  isLinkLocalMulticast,
  isLinkLocalUnicast,
  isLoopback,
  isMapped,
  isUnspecified,
  maskNetwork,
  parseAddress,
  parseNetwork,
  type IpAddress,
  type IpNetwork,
} from './ip-address.ts';

class AddressValue {
  readonly address: IpAddress;
  constructor(address: IpAddress) {
    this.address = address;
  }
}

class NetworkValue {
  readonly network: IpNetwork;
  constructor(network: IpNetwork) {
    this.network = network;
  }
}

/** What `ip.isCanonical` is called on: CEL has no names with dots here. */
class AddressNamespace {
  readonly name = 'ip';
}

export function registerAddresses(environment: Environment): void {
  environment
    .registerType('KnitIP', AddressValue)
    .registerType('KnitCIDR', NetworkValue)
    .registerType('KnitIPNamespace', AddressNamespace)
    .registerConstant('ip', 'KnitIPNamespace', new AddressNamespace());
  const ask = (name: string, test: (address: IpAddress) => boolean): void => {
    environment.registerFunction(`KnitIP.${name}(): bool`, ({ address }: AddressValue) =>
      test(address),
    );
  };
  environment
    .registerFunction('ip(string): KnitIP', (text: string) => new AddressValue(readAddress(text)))
    .registerFunction('isIP(string): bool', (text: string) => succeeds(() => readAddress(text)))
    .registerFunction(
      'KnitIPNamespace.isCanonical(string): bool',
      (_: unknown, text: string) => formatAddress(readAddress(text)) === text,
    )
    .registerFunction('KnitIP.family(): int', ({ address }: AddressValue) => BigInt(address.family))
    .registerFunction('string(KnitIP): string', ({ address }: AddressValue) =>
      formatAddress(address),
    )
    .registerOperator(
      'KnitIP == KnitIP',
      (a: AddressValue, b: AddressValue) =>
        a.address.family === b.address.family && a.address.value === b.address.value,
    );
  ask('isUnspecified', isUnspecified);
  ask('isLoopback', isLoopback);
  ask('isLinkLocalMulticast', isLinkLocalMulticast);
  ask('isLinkLocalUnicast', isLinkLocalUnicast);
  ask('isGlobalUnicast', isGlobalUnicast);
  registerNetworks(environment);
}

function registerNetworks(environment: Environment): void {
  environment
    .registerFunction(
      'cidr(string): KnitCIDR',
      (text: string) => new NetworkValue(readNetwork(text)),
    )
    .registerFunction('isCIDR(string): bool', (text: string) => succeeds(() => readNetwork(text)))
    .registerFunction('string(KnitCIDR): string', ({ network }: NetworkValue) =>
      formatNetwork(network),
    )
    .registerFunction(
      'KnitCIDR.containsIP(KnitIP): bool',
      ({ network }: NetworkValue, { address }: AddressValue) => containsAddress(network, address),
    )
    .registerFunction(
      'KnitCIDR.containsIP(string): bool',
      ({ network }: NetworkValue, text: string) => containsAddress(network, readAddress(text)),
    )
    .registerFunction(
      'KnitCIDR.containsCIDR(KnitCIDR): bool',
      ({ network }: NetworkValue, other: NetworkValue) => containsNetwork(network, other.network),
    )
    .registerFunction(
      'KnitCIDR.containsCIDR(string): bool',
      ({ network }: NetworkValue, text: string) => containsNetwork(network, readNetwork(text)),
    )
    .registerFunction(
      'KnitCIDR.ip(): KnitIP',
      ({ network }: NetworkValue) => new AddressValue(network.address),
    )
    .registerFunction(
      'KnitCIDR.masked(): KnitCIDR',
      ({ network }: NetworkValue) => new NetworkValue(maskNetwork(network)),
    )
    .registerFunction('KnitCIDR.prefixLength(): int', ({ network }: NetworkValue) =>
      BigInt(network.prefixLength),
    )
    .registerOperator(
      'KnitCIDR == KnitCIDR',
      (a: NetworkValue, b: NetworkValue) => formatNetwork(a.network) === formatNetwork(b.network),
    );
}

/** @throws {Error} */
function readAddress(text: string): IpAddress {
  if (text.includes('%'))
    throw new Error(`IP address ${JSON.stringify(text)} with zone value is not allowed`);
  const address = parseAddress(text);
  if (!address)
    throw new Error(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`,
    );
  if (isMapped(address))
    throw new Error(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  return address;
}

/** @throws {Error} */
function readNetwork(text: string): IpNetwork {
  const network = parseNetwork(text);
  if (!network) {
    const why = text.includes('/') ? 'unable to parse' : "no '/'";
    throw new Error(
      `network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): ${why}`,
    );
  }
  if (isMapped(network.address))
    throw new Error(`IPv4-mapped IPv6 address ${JSON.stringify(text)} is not allowed`);
  return network;
}

function succeeds(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
