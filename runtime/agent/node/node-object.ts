/** The Node object of this machine, and the Services through which pods reach the gateway and the broker. */
import { cpus, hostname, platform, totalmem } from 'node:os';

import {
  type CoreService,
  coreServiceKind,
  type Endpoints,
  endpointsKind,
  type Namespace,
  namespaceKind,
  type Node,
  nodeKind,
} from '../../apis/core/types.ts';
import { isAlreadyExists, isNotFound } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/client.ts';
import { architectureName, readMachineInfo } from './machine-info.ts';

const PODS_MAX = 500;

/** Creates or refreshes the Node. Ready as long as the object says so: one node needs no heartbeat. */
export async function writeNode(
  client: KubeClient,
  options: {
    readonly nodeName: string;
    readonly hostIP: string;
    readonly runtimeVersion: string;
    readonly nowMs: number;
  },
): Promise<void> {
  const { nodeName, hostIP, runtimeVersion, nowMs } = options;
  const labels = {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': platform(),
    'kubernetes.io/arch': architectureName(),
  };
  const node: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: nodeName, labels },
    spec: {},
  };
  try {
    await client.create(nodeKind, node);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const resources = {
    cpu: String(cpus().length),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    pods: String(PODS_MAX),
  };
  const status = {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address: hostIP },
      { type: 'Hostname', address: hostname() },
    ],
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'KubeletReady',
        message: 'knit agent is running',
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      },
    ],
    nodeInfo: {
      ...readMachineInfo(),
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion: 'v1.36.3+knit',
    },
  };
  await client.patch(
    nodeKind,
    { name: nodeName },
    { type: 'merge', subresource: 'status', body: { status } },
  );
}

const INGRESS_SERVICES = [
  { namespace: 'knative-serving', name: 'knit-gateway' },
  { namespace: 'knative-eventing', name: 'broker-ingress' },
];
const INTERNAL_PORT = 80;

/** Points the gateway's and the broker's cluster names at the bridge, where the gateway listens on port 80. */
export async function writeIngressServices(client: KubeClient, address: string): Promise<void> {
  for (const { namespace, name } of INGRESS_SERVICES) {
    const metadata = { namespace, name };
    const service: CoreService = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata,
      // Headless: the address is the bridge's, and no proxy stands before the gateway.
      spec: {
        clusterIP: 'None',
        ports: [{ name: 'http', port: INTERNAL_PORT, targetPort: INTERNAL_PORT }],
      },
    };
    const endpoints: Endpoints = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata,
      subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'http', port: INTERNAL_PORT }] }],
    };
    const apply = async (): Promise<void> => {
      const options = { fieldManager: 'knit-agent', force: true };
      await client.apply(coreServiceKind, service, options);
      await client.apply(endpointsKind, endpoints, options);
    };
    try {
      await apply();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await createNamespace(client, namespace);
      await apply();
    }
  }
}

async function createNamespace(client: KubeClient, name: string): Promise<void> {
  const object: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  try {
    await client.create(namespaceKind, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
