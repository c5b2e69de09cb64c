/**
 * Gives Services their ClusterIP and their node ports. What is allocated is what the stored Services
 * say: there is no second record that could disagree. Runs as the last mutating plugin, so that it
 * sees what webhooks made of the Service.
 * Source: k8s.io/kubernetes pkg/registry/core/service/{ipallocator,portallocator} (behaviour, words).
 */
import { isIP } from 'node:net';
import { coreServiceKind, type CoreService, type ServiceSpec } from '../../apis/core/types.ts';
import { HEADLESS, needsClusterIP, needsNodePort } from '../../apis/core/service-rules.ts';
import { keyOf, type KubeObject } from '../../apis/meta/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Random } from '../../std/random.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission-chain.ts';
import { parseServiceRange, type ServiceRange } from './service-range.ts';

const servicesStore = `${coreServiceKind.group}/${coreServiceKind.plural}`;

/** Upstream's default range. */
const NODE_PORTS = { first: 30_000, last: 32_767 };
/** How long an address that was handed out is not handed out again while its Service is on its way
 * through webhooks: longer than any of those may take. */
const PENDING_MS = 60_000;
const PENDING_MAX = 10_000;

export interface ServiceAddressesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** An IPv4 network of 12 to 28 bits, e.g. `10.128.0.0/16`. */
  readonly cidr: string;
}

export class ServiceAddresses implements AdmissionPlugin {
  /** The address of the `kubernetes` Service. */
  readonly apiServerIP: string;
  private readonly options: ServiceAddressesOptions;
  private readonly range: ServiceRange;
  /** Key of the Service by address, and by protocol and node port. */
  private readonly ips = new Map<string, string>();
  private readonly nodePorts = new Map<string, string>();
  private readonly pending = new Map<string, number>();

  /** @throws {Error} when `cidr` is no such network. */
  constructor(options: ServiceAddressesOptions) {
    this.options = options;
    this.range = parseServiceRange(options.cidr);
    this.apiServerIP = this.range.addressOf(1);
    for (const object of options.store.list(servicesStore)) this.take(object as CoreService);
    options.store.listen(servicesStore, ({ type, object, previous }) => {
      if (previous) this.release(previous as CoreService);
      if (type !== 'DELETED') this.take(object as CoreService);
    });
  }

  mutate(request: AdmissionRequest): KubeObject | undefined {
    const { object, resource, subresource } = request;
    if (!object || resource.storeName !== servicesStore || subresource !== undefined) return object;
    const service = object as CoreService;
    if (!needsClusterIP(service.spec) && !needsNodePort(service.spec)) return object;
    const old = request.oldObject as CoreService | undefined;
    const spec: ServiceSpec = { ...service.spec };
    if (needsClusterIP(spec)) this.allocateIP(request, spec, old?.spec);
    if (needsNodePort(spec)) this.allocateNodePorts(request, spec);
    const allocated: CoreService = { ...service, spec };
    return allocated;
  }

  private allocateIP(
    request: AdmissionRequest,
    spec: ServiceSpec,
    old: ServiceSpec | undefined,
  ): void {
    const { clusterIP = '', clusterIPs = [] } = spec;
    if (clusterIP === HEADLESS) return;
    // What is no address, or another one than before, or two fields that disagree: validation refuses it.
    const isChanged = Boolean(old?.clusterIP) && clusterIP !== old?.clusterIP;
    if (clusterIP === '' ? clusterIPs.length > 0 : isChanged || isIP(clusterIP) === 0) return;
    if (clusterIP !== '') {
      if (!old?.clusterIP) this.assertFree(request, clusterIP);
      return;
    }
    const chosen = this.chooseIP();
    if (chosen === undefined)
      throw refuse(request, 'spec.clusterIPs', clusterIPs, 'failed to allocate IP: range is full');
    spec.clusterIP = chosen;
    spec.clusterIPs = [chosen];
  }

  /** @throws {StatusError} 422 */
  private assertFree(request: AdmissionRequest, ip: string): void {
    const problem = !this.range.includes(ip)
      ? `the provided IP (${ip}) is not in the valid range. The range of valid IPs is ${this.options.cidr}`
      : this.isTaken(this.ips, ip, keyOfRequest(request))
        ? 'provided IP is already allocated'
        : undefined;
    if (problem !== undefined)
      throw refuse(request, 'spec.clusterIPs', [ip], `failed to allocate IP ${ip}: ${problem}`);
  }

  /** From the upper band first: people who choose an address themselves choose a low one. */
  private chooseIP(): string | undefined {
    const { size, staticSize } = this.range;
    const bands = [
      [staticSize + 1, size - 2],
      [1, staticSize],
    ] as const;
    for (const [first, last] of bands) {
      const found = this.choose(first, last, (slot) => {
        const ip = this.range.addressOf(slot);
        return this.ips.has(ip) || this.isPending(ip) ? undefined : ip;
      });
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private allocateNodePorts(request: AdmissionRequest, spec: ServiceSpec): void {
    const own = keyOfRequest(request);
    const taken = new Set<string>();
    spec.ports = (spec.ports ?? []).map((port, index) => {
      const { protocol = 'TCP', nodePort = 0 } = port;
      if (nodePort !== 0) {
        const problem =
          nodePort < NODE_PORTS.first || nodePort > NODE_PORTS.last
            ? `provided port is not in the valid range. The range of valid ports is ${NODE_PORTS.first}-${NODE_PORTS.last}`
            : this.isTaken(this.nodePorts, `${protocol} ${nodePort}`, own)
              ? 'provided port is already allocated'
              : undefined;
        if (problem !== undefined)
          throw refuse(request, `spec.ports[${index}].nodePort`, nodePort, problem);
        taken.add(`${protocol} ${nodePort}`);
        return port;
      }
      const chosen = this.choose(NODE_PORTS.first, NODE_PORTS.last, (candidate) => {
        const id = `${protocol} ${candidate}`;
        return this.nodePorts.has(id) || taken.has(id) || this.isPending(id) ? undefined : id;
      });
      if (chosen === undefined)
        throw StatusError.internal('failed to allocate a nodePort: range is full');
      taken.add(chosen);
      return { ...port, nodePort: Number(chosen.slice(protocol.length + 1)) };
    });
  }

  /** The first free one from a random place on, round the range. */
  private choose(
    first: number,
    last: number,
    idOf: (slot: number) => string | undefined,
  ): string | undefined {
    const count = last - first + 1;
    if (count <= 0) return undefined;
    const start = Math.floor(this.options.random() * count);
    for (let step = 0; step < count; step++) {
      const id = idOf(first + ((start + step) % count));
      if (id === undefined) continue;
      if (this.pending.size >= PENDING_MAX) this.pending.clear();
      this.pending.set(id, this.options.clock.now() + PENDING_MS);
      return id;
    }
    return undefined;
  }

  private isPending(id: string): boolean {
    const until = this.pending.get(id);
    if (until === undefined) return false;
    if (until > this.options.clock.now()) return true;
    this.pending.delete(id);
    return false;
  }

  private isTaken(owners: ReadonlyMap<string, string>, id: string, own: string): boolean {
    const owner = owners.get(id);
    return owner !== undefined && owner !== own;
  }

  private take(service: CoreService): void {
    const key = keyOf(service.metadata);
    for (const ip of service.spec.clusterIPs ?? [service.spec.clusterIP ?? ''])
      if (ip !== '' && ip !== HEADLESS) {
        this.ips.set(ip, key);
        this.pending.delete(ip);
      }
    for (const id of nodePortIds(service)) {
      this.nodePorts.set(id, key);
      this.pending.delete(id);
    }
  }

  private release(service: CoreService): void {
    for (const ip of service.spec.clusterIPs ?? [service.spec.clusterIP ?? '']) this.ips.delete(ip);
    for (const id of nodePortIds(service)) this.nodePorts.delete(id);
  }
}

const nodePortIds = ({ spec }: CoreService): string[] =>
  (spec.ports ?? [])
    .filter(({ nodePort }) => nodePort)
    .map(({ protocol = 'TCP', nodePort }) => `${protocol} ${nodePort}`);

const keyOfRequest = ({ namespace, name }: AdmissionRequest): string => `${namespace}/${name}`;

const refuse = (
  { resource, name, object }: AdmissionRequest,
  field: string,
  value: unknown,
  problem: string,
): StatusError =>
  StatusError.invalid(resource, name || (object?.metadata.name ?? ''), [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(value)}: ${problem}`,
      field,
    },
  ]);
