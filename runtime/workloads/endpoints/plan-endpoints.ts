/**
 * Which EndpointSlices and Endpoints a Service should have, as a pure function of the Service, its
 * pods, and what somebody may have written by hand. One controller does what upstream has three for:
 * slices from pods, Endpoints from pods, slices that mirror hand-written Endpoints. Hand-written
 * slices are never touched. IPv4 only.
 * Source: k8s.io/endpointslice, k8s.io/kubernetes pkg/controller/{endpoint,endpointslicemirroring} (behaviour).
 */
import { createHash } from 'node:crypto';
import {
  coreServiceKind,
  endpointsKind,
  type CoreService,
  type EndpointAddress,
  type EndpointSubset,
  type Endpoints,
  type Pod,
  type ServicePort,
} from '../../apis/core/types.ts';
import {
  endpointSliceKind,
  MANAGED_BY_LABEL,
  SERVICE_NAME_LABEL,
  SKIP_MIRROR_LABEL,
  type EndpointSlice,
  type SliceEndpoint,
  type SlicePort,
} from '../../apis/discovery/types.ts';
import { hostPortAnnotation } from '../../apis/knit.ts';
import { apiVersionOf, controllerRef, type KubeObject } from '../../apis/meta/object.ts';
import type { Action } from '../../kube/plan.ts';

/** As upstream: a change of one pod sends a slice of this size to every watcher. */
const SLICE_ENDPOINTS_MAX = 100;
/** As upstream: more in one Endpoints object are left out; slices have all. */
const ENDPOINTS_MAX = 1_000;

const SLICE_MANAGER = 'endpointslice-controller.k8s.io';
const MIRROR_MANAGER = 'endpointslicemirroring-controller.k8s.io';
const OWN_ENDPOINTS_LABEL = 'endpoints.kubernetes.io/managed-by';
const ENDPOINTS_MANAGER = 'endpoint-controller';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';

export interface ObservedService {
  readonly namespace: string;
  readonly name: string;
  /** Undefined when it is gone. */
  readonly service: CoreService | undefined;
  /** Those that its selector selects. */
  readonly pods: readonly Pod[];
  readonly endpoints: Endpoints | undefined;
  /** All that carry its name. */
  readonly slices: readonly EndpointSlice[];
}

export const hasSelector = ({ spec }: CoreService): boolean =>
  spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0;

/** What has to be written so that the world is as it should be; empty when it is. */
export function planEndpoints(observed: ObservedService): Action[] {
  const { service, endpoints } = observed;
  const isPresent = service !== undefined && !service.metadata.deletionTimestamp;
  if (isPresent && hasSelector(service)) {
    const members = observed.pods.flatMap((pod) => makeMember(service, pod)).sort(byName);
    return [
      ...planSlices(observed, SLICE_MANAGER, makeSlices(service, members)),
      ...planSlices(observed, MIRROR_MANAGER, []),
      ...planOwnEndpoints(observed, makeEndpoints(service, members)),
    ];
  }
  const isMirrored =
    isPresent &&
    service.spec.type !== 'ExternalName' &&
    endpoints !== undefined &&
    !isOwn(endpoints) &&
    endpoints.metadata.labels?.[SKIP_MIRROR_LABEL] !== 'true' &&
    endpoints.metadata.annotations?.[LEADER_ANNOTATION] === undefined;
  return [
    ...planSlices(observed, SLICE_MANAGER, []),
    ...planSlices(observed, MIRROR_MANAGER, isMirrored ? mirror(endpoints) : []),
    ...planOwnEndpoints(observed, undefined),
  ];
}

interface Member {
  readonly endpoint: SliceEndpoint;
  readonly ports: readonly SlicePort[];
  readonly isReady: boolean;
  readonly isTerminating: boolean;
}

const byName = (a: Member, b: Member): number =>
  (a.endpoint.targetRef?.name ?? '') < (b.endpoint.targetRef?.name ?? '') ? -1 : 1;

/** A pod as an endpoint; none while it has no address, or when its containers have ended for good. */
function makeMember(service: CoreService, pod: Pod): Member[] {
  const { metadata, spec, status } = pod;
  const { podIP, phase } = status ?? {};
  if (!podIP || podIP.includes(':') || phase === 'Succeeded' || phase === 'Failed') return [];
  const isServing =
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ===
    true;
  const isTerminating = metadata.deletionTimestamp !== undefined;
  const isReady = service.spec.publishNotReadyAddresses === true || (isServing && !isTerminating);
  const { hostname, subdomain } = spec as { hostname?: string; subdomain?: string };
  return [
    {
      isReady,
      isTerminating,
      ports: (service.spec.ports ?? []).flatMap((port) => resolvePort(port, pod)),
      endpoint: {
        addresses: [podIP],
        conditions: { ready: isReady, serving: isServing, terminating: isTerminating },
        ...(hostname && subdomain === service.metadata.name ? { hostname } : {}),
        ...(spec.nodeName ? { nodeName: spec.nodeName } : {}),
        targetRef: {
          kind: 'Pod',
          ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
          name: metadata.name,
          ...(metadata.uid ? { uid: metadata.uid } : {}),
        },
      },
    },
  ];
}

/** A port that is named and that the pod does not have is left out, as upstream. */
function resolvePort(port: ServicePort, pod: Pod): SlicePort[] {
  const { name = '', protocol = 'TCP', targetPort = port.port, appProtocol } = port;
  const declared = pod.spec.containers.flatMap(({ ports = [] }) => ports);
  const number =
    typeof targetPort === 'number'
      ? targetPort
      : declared.find(
          (candidate) =>
            candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol,
        )?.containerPort;
  if (number === undefined) return [];
  // A pod of the process driver listens on a port of the machine instead of its own first one.
  const hostPort = Number(pod.metadata.annotations?.[hostPortAnnotation]);
  const actual = hostPort > 0 && declared[0]?.containerPort === number ? hostPort : number;
  return [{ name, port: actual, protocol, ...(appProtocol ? { appProtocol } : {}) }];
}

/** Members that share their ports share slices; a Service without pods keeps one empty slice. */
function makeSlices(service: CoreService, members: readonly Member[]): EndpointSlice[] {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const key = JSON.stringify(member.ports);
    const group = groups.get(key);
    if (group) group.push(member);
    else groups.set(key, [member]);
  }
  if (groups.size === 0) groups.set('[]', []);
  const { name, namespace } = service.metadata;
  const labels = {
    ...service.metadata.labels,
    [MANAGED_BY_LABEL]: SLICE_MANAGER,
    [SERVICE_NAME_LABEL]: name,
    ...(service.spec.clusterIP === 'None' ? { [HEADLESS_LABEL]: '' } : {}),
  };
  return [...groups].flatMap(([key, group]) =>
    chunksOf(group).map((chunk, index) =>
      makeSlice({
        name: sliceName(name, `${SLICE_MANAGER}/${key}/${index}`),
        namespace,
        labels,
        owner: { kind: coreServiceKind, object: service },
        endpoints: chunk.map(({ endpoint }) => endpoint),
        ports: chunk[0]?.ports ?? [],
      }),
    ),
  );
}

function mirror(endpoints: Endpoints): EndpointSlice[] {
  const { name, namespace, labels } = endpoints.metadata;
  return (endpoints.subsets ?? []).flatMap((subset, at) => {
    const toEndpoint = (address: EndpointAddress, ready: boolean): SliceEndpoint => ({
      addresses: [address.ip],
      conditions: { ready },
      ...(address.hostname ? { hostname: address.hostname } : {}),
      ...(address.nodeName ? { nodeName: address.nodeName } : {}),
      ...(address.targetRef ? { targetRef: address.targetRef } : {}),
    });
    const all = [
      ...(subset.addresses ?? []).map((address) => toEndpoint(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => toEndpoint(address, false)),
    ].filter(({ addresses }) => !addresses[0]?.includes(':'));
    if (all.length === 0) return [];
    const ports = (subset.ports ?? []).map(({ name: portName = '', port, protocol = 'TCP' }) => ({
      name: portName,
      port,
      protocol,
    }));
    return chunksOf(all).map((chunk, index) =>
      makeSlice({
        name: sliceName(name, `${MIRROR_MANAGER}/${at}/${index}`),
        namespace,
        labels: { ...labels, [MANAGED_BY_LABEL]: MIRROR_MANAGER, [SERVICE_NAME_LABEL]: name },
        owner: { kind: endpointsKind, object: endpoints },
        endpoints: chunk,
        ports,
      }),
    );
  });
}

function makeSlice(parts: {
  readonly name: string;
  readonly namespace: string | undefined;
  readonly labels: Record<string, string>;
  readonly owner: Parameters<typeof ownerOf>[0];
  readonly endpoints: SliceEndpoint[];
  readonly ports: readonly SlicePort[];
}): EndpointSlice {
  const { name, namespace, labels, owner, endpoints, ports } = parts;
  return {
    apiVersion: apiVersionOf(endpointSliceKind),
    kind: endpointSliceKind.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels,
      ownerReferences: [ownerOf(owner)],
    },
    addressType: 'IPv4',
    endpoints,
    ports: [...ports],
  };
}

const ownerOf = ({
  kind,
  object,
}: {
  readonly kind: typeof coreServiceKind | typeof endpointsKind;
  readonly object: KubeObject;
}): ReturnType<typeof controllerRef> =>
  controllerRef({ ...object, apiVersion: apiVersionOf(kind), kind: kind.kind });

/** The same parts always have the same name, so that a stale cache cannot make a slice twice. */
function sliceName(service: string, parts: string): string {
  const hash = createHash('sha256').update(parts).digest('hex').slice(0, 8);
  return `${service}-${hash}`;
}

function chunksOf<T>(items: readonly T[]): T[][] {
  const chunks: T[][] = [];
  for (let i = 0; i === 0 || i < items.length; i += SLICE_ENDPOINTS_MAX)
    chunks.push(items.slice(i, i + SLICE_ENDPOINTS_MAX));
  return chunks;
}

function makeEndpoints(service: CoreService, members: readonly Member[]): Endpoints {
  const { name, namespace, labels } = service.metadata;
  const publishesAll = service.spec.publishNotReadyAddresses === true;
  const groups = new Map<string, { ready: EndpointAddress[]; rest: EndpointAddress[] }>();
  const counted = members
    .filter(({ isTerminating }) => publishesAll || !isTerminating)
    .slice(0, ENDPOINTS_MAX);
  for (const { endpoint, ports, isReady } of counted) {
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ready: [], rest: [] };
    groups.set(key, group);
    const { addresses, hostname, nodeName, targetRef } = endpoint;
    (isReady ? group.ready : group.rest).push({
      ip: addresses[0] ?? '',
      ...(hostname ? { hostname } : {}),
      ...(nodeName ? { nodeName } : {}),
      ...(targetRef ? { targetRef } : {}),
    });
  }
  const subsets = [...groups].map(([key, { ready, rest }]): EndpointSubset => ({
    ...(ready.length > 0 ? { addresses: ready } : {}),
    ...(rest.length > 0 ? { notReadyAddresses: rest } : {}),
    ports: (JSON.parse(key) as SlicePort[]).map(({ name: portName, port = 0, protocol }) => ({
      ...(portName ? { name: portName } : {}),
      port,
      ...(protocol ? { protocol } : {}),
    })),
  }));
  return {
    apiVersion: 'v1',
    kind: endpointsKind.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [OWN_ENDPOINTS_LABEL]: ENDPOINTS_MANAGER },
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  };
}

const isOwn = ({ metadata }: Endpoints): boolean =>
  metadata.labels?.[OWN_ENDPOINTS_LABEL] === ENDPOINTS_MANAGER;

function planSlices(
  { namespace, slices }: ObservedService,
  manager: string,
  wanted: readonly EndpointSlice[],
): Action[] {
  const present = new Map(
    slices
      .filter(({ metadata }) => metadata.labels?.[MANAGED_BY_LABEL] === manager)
      .map((slice) => [slice.metadata.name, slice]),
  );
  const actions: Action[] = [];
  for (const slice of wanted) {
    const before = present.get(slice.metadata.name);
    present.delete(slice.metadata.name);
    if (!before) actions.push({ type: 'create', kind: endpointSliceKind, object: slice });
    else if (!isSame(contentOfSlice(before), contentOfSlice(slice)))
      actions.push({ type: 'update', kind: endpointSliceKind, object: withVersion(slice, before) });
  }
  for (const { metadata } of present.values())
    actions.push({
      type: 'delete',
      kind: endpointSliceKind,
      namespace,
      name: metadata.name,
      uid: metadata.uid,
    });
  return actions;
}

/** A Service that has a selector owns the Endpoints of its name, whoever wrote them first. */
function planOwnEndpoints(
  { namespace, endpoints }: ObservedService,
  wanted: Endpoints | undefined,
): Action[] {
  if (wanted) {
    if (!endpoints) return [{ type: 'create', kind: endpointsKind, object: wanted }];
    return isSame(contentOfEndpoints(endpoints), contentOfEndpoints(wanted))
      ? []
      : [{ type: 'update', kind: endpointsKind, object: withVersion(wanted, endpoints) }];
  }
  if (!endpoints || !isOwn(endpoints)) return [];
  const { name, uid } = endpoints.metadata;
  return [{ type: 'delete', kind: endpointsKind, namespace, name, uid }];
}

function withVersion<T extends KubeObject>(object: T, before: KubeObject): T {
  const { resourceVersion = '' } = before.metadata;
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

const contentOfSlice = ({ metadata, endpoints, ports }: EndpointSlice): unknown => [
  metadata.labels ?? {},
  metadata.ownerReferences?.[0]?.uid ?? '',
  endpoints ?? [],
  ports ?? [],
];

const contentOfEndpoints = ({ metadata, subsets }: Endpoints): unknown => [
  metadata.labels ?? {},
  subsets ?? [],
];

/** Order of keys aside; stored objects may have them in another order than made ones. */
const isSame = (a: unknown, b: unknown): boolean => stable(a) === stable(b);
const stable = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
