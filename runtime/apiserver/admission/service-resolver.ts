/**
 * From a Service to an address that serves it now, for calls that the API server makes itself. Goes
 * to a ready endpoint and not to the ClusterIP, so that it needs no proxy on this machine.
 */
import { coreServiceKind, endpointsKind } from '../../apis/core/types.ts';
import type { CoreService, Endpoints } from '../../apis/core/types.ts';
import { endpointSliceKind, SERVICE_NAME_LABEL } from '../../apis/discovery/types.ts';
import type { EndpointSlice } from '../../apis/discovery/types.ts';
import type { ResourceKind } from '../../apis/meta/object.ts';
import type { Random } from '../../std/random.ts';
import type { Store } from '../store/store.ts';
import type { ServiceReference, ServiceResolver } from './webhook-client.ts';

const storeNameOf = ({ group, plural }: ResourceKind): string => `${group}/${plural}`;
const servicesStore = storeNameOf(coreServiceKind);
const endpointsStore = storeNameOf(endpointsKind);
const slicesStore = storeNameOf(endpointSliceKind);

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Chooses among several endpoints at random. */
export const makeServiceResolver =
  (store: Store, random: Random): ServiceResolver =>
  (reference) => {
    const { namespace, name, port } = reference;
    const service = store.get(servicesStore, namespace, name) as CoreService | undefined;
    if (!service) throw new Error(`service "${name}" not found`);
    const { type, externalName, ports = [] } = service.spec;
    if (type === 'ExternalName' && externalName) return { host: externalName, port };
    const servicePort = ports.find((candidate) => candidate.port === port);
    if (!servicePort) throw new Error(`no service port ${port} found for service "${name}"`);
    const portName = servicePort.name ?? '';
    const fromSlices = listSlices(store, reference).flatMap((slice) =>
      addressesOfSlice(slice, portName),
    );
    const addresses =
      fromSlices.length > 0
        ? fromSlices
        : addressesOfEndpoints(store.get(endpointsStore, namespace, name), portName);
    const chosen = addresses[Math.floor(random() * addresses.length)];
    if (!chosen) throw new Error(`no endpoints available for service "${name}"`);
    return chosen;
  };

const listSlices = (store: Store, { namespace, name }: ServiceReference): EndpointSlice[] =>
  (store.list(slicesStore, namespace) as EndpointSlice[]).filter(
    ({ metadata, addressType }) =>
      metadata.labels?.[SERVICE_NAME_LABEL] === name && addressType !== 'FQDN',
  );

function addressesOfSlice({ ports = [], endpoints = [] }: EndpointSlice, name: string): Address[] {
  const port = ports.find((candidate) => (candidate.name ?? '') === name)?.port;
  if (port === undefined) return [];
  return endpoints
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.slice(0, 1).map((host) => ({ host, port })));
}

const addressesOfEndpoints = (endpoints: Endpoints | undefined, name: string): Address[] =>
  (endpoints?.subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find((candidate) => (candidate.name ?? '') === name)?.port;
    return port === undefined ? [] : addresses.map(({ ip }) => ({ host: ip, port }));
  });
