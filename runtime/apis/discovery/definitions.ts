/**
 * What an API server must know of EndpointSlices.
 * Source: k8s.io/kubernetes pkg/apis/discovery (v1 defaults, validation).
 */
import type { FieldError } from '../meta/field-error.ts';
import { duplicate, invalid, notSupported, required } from '../meta/field-rule.ts';
import type { AdmissionContext, KindDefinition } from '../meta/kind-definition.ts';
import { endpointSliceKind, type EndpointSlice } from './types.ts';

const ENDPOINTS_MAX = 1_000;
const ADDRESSES_MAX = 100;
const PORTS_MAX = 20_000;
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];

const endpointSlice: KindDefinition<EndpointSlice> = {
  ...endpointSliceKind,
  singular: 'endpointslice',
  hasStatus: false,
  // Follows from Pods, or from Endpoints.
  durability: 'behind',
  applyDefaults: (object) => ({
    ...object,
    ...(Array.isArray(object.endpoints)
      ? {
          endpoints: object.endpoints.map((endpoint) => ({
            ...endpoint,
            conditions: endpoint.conditions ?? {},
          })),
        }
      : {}),
    ...(Array.isArray(object.ports)
      ? {
          ports: object.ports.map((port) => ({
            ...port,
            name: port.name ?? '',
            protocol: port.protocol ?? 'TCP',
          })),
        }
      : {}),
  }),
  validate: validateSlice,
};

export const discoveryDefinitions: readonly KindDefinition[] = [
  endpointSlice as unknown as KindDefinition,
];

const tooMany = (path: string, count: number, max: number): FieldError => ({
  message: `Too many: ${count}: must have at most ${max} items`,
  paths: [path],
});

function validateSlice(slice: EndpointSlice, { old }: AdmissionContext): FieldError[] {
  const { addressType, endpoints = [], ports = [] } = slice;
  const errors: FieldError[] = [];
  const before = (old as EndpointSlice | undefined)?.addressType;
  if (!addressType) errors.push(required('addressType'));
  else if (!addressTypes.includes(addressType))
    errors.push(notSupported('addressType', addressType, addressTypes));
  else if (before !== undefined && before !== addressType)
    errors.push(invalid('addressType', addressType, 'field is immutable'));
  if (endpoints.length > ENDPOINTS_MAX)
    errors.push(tooMany('endpoints', endpoints.length, ENDPOINTS_MAX));
  for (const [index, { addresses }] of endpoints.entries()) {
    const path = `endpoints[${index}].addresses`;
    if (!Array.isArray(addresses) || addresses.length === 0)
      errors.push(required(path, 'must contain at least 1 address'));
    else if (addresses.length > ADDRESSES_MAX)
      errors.push(tooMany(path, addresses.length, ADDRESSES_MAX));
    else if (addressType === 'IPv4')
      for (const [at, address] of addresses.entries())
        if (!isIPv4(address))
          errors.push(
            invalid(
              `${path}[${at}]`,
              address,
              'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
            ),
          );
  }
  if (ports.length > PORTS_MAX) errors.push(tooMany('ports', ports.length, PORTS_MAX));
  const names = new Set<string>();
  for (const [index, { name = '', protocol = 'TCP' }] of ports.entries()) {
    if (names.has(name)) errors.push(duplicate(`ports[${index}].name`, name));
    names.add(name);
    if (!protocols.includes(protocol))
      errors.push(notSupported(`ports[${index}].protocol`, protocol, protocols));
  }
  return errors;
}

function isIPv4(text: unknown): boolean {
  const parts = typeof text === 'string' ? text.split('.') : [];
  return (
    parts.length === 4 &&
    parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  );
}
