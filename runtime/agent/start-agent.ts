/**
 * The agent's entry: puts driver, network, name server, pods and claims together. It runs
 * what the API says should run on this machine, and writes back what does.
 */
import { mkdirSync } from 'node:fs';

import { isPodReady } from '../apis/core/pod-readiness.ts';
import { coreServiceKind, endpointsKind, podKind } from '../apis/core/types.ts';
import type { ControllerContext } from '../kube/context.ts';
import { makeAgentPaths } from './agent-paths.ts';
import { detectDriver } from './detect-driver.ts';
import { type DnsServer, startDnsServer } from './dns/dns-server.ts';
import type { RecordSource } from './dns/dns-records.ts';
import type { Driver } from './driver.ts';
import { parseAddressPlan } from './network/address-plan.ts';
import { allowOutbound, makeBridge } from './network/bridge.ts';
import { NetnsPool } from './network/netns-pool.ts';
import { routeServiceNetwork, startServiceProxy } from './network/service-proxy.ts';
import { writeIngressServices, writeNode } from './node/node-object.ts';
import { OciDriver } from './oci/oci-driver.ts';
import { type PodLogRequest, PodManager } from './pods/pod-manager.ts';
import { readPodStates } from './pods/pod-state-file.ts';
import { ProcessDriver } from './process/process-driver.ts';
import { makeClaimBinder } from './volumes/claim-binder.ts';

export interface AgentOptions {
  readonly home: string;
  readonly driver: 'oci' | 'process';
  /** With `oci`. @default whichever detectDriver finds */
  readonly runtime?: 'crun' | 'runc';
  readonly nodeName: string;
  /** The pods' network; required with `oci`. */
  readonly bridge?: { readonly name: string; readonly cidr: string };
  /** The network of ClusterIPs, which this machine then answers. Left out: nobody does. */
  readonly serviceCidr?: string;
  /** The bridge has its address: the gateway may listen there now. */
  readonly onBridgeReady?: (address: string) => void;
  /** Where programs in pods find the API. Left out: their environment does not say. */
  readonly apiServer?: { readonly host: string; readonly port: number };
  /** Holds `storage` and `run` of buildah. */
  readonly imageStoreRoot: string;
  readonly bundlesRoot: string;
  /** Directory with the function servers, for the process driver. */
  readonly functionsRoot: string;
}

export interface Agent {
  /** See `PodManager.readPodLog`. */
  readPodLog(request: PodLogRequest): AsyncIterable<Uint8Array>;
  /** See the methods of `PodManager`. */
  readonly streams: Pick<PodManager, 'exec' | 'attach' | 'connect'>;
  /**
   * Stops managing. Containers and processes run on, for the next agent to adopt, unless `stopPods`
   * asks to end them gracefully; then they are gone when it resolves.
   */
  close(options?: { readonly stopPods?: boolean }): Promise<void>;
}

/** Resolves when new Pods would be started at once. @throws when the driver cannot work here. */
export async function startAgent(
  context: ControllerContext,
  options: AgentOptions,
): Promise<Agent> {
  const { clock, informers, logger } = context;
  const paths = makeAgentPaths(options.home);
  mkdirSync(paths.pods, { recursive: true, mode: 0o700 });
  const states = readPodStates(paths);
  const closers: (() => Promise<void> | void)[] = [];
  const abort = new AbortController();
  const signal = AbortSignal.any([context.signal, abort.signal]);
  const scoped: ControllerContext = { ...context, signal };

  let driver: Driver;
  let hostIP = '127.0.0.1';
  let runtimeVersion = 'process';
  if (options.driver === 'oci') {
    const { bridge } = options;
    if (!bridge) throw new Error('the oci driver needs a bridge');
    const runtime = options.runtime ?? (await detectDriver()).runtime;
    if (!runtime) throw new Error('neither crun nor runc is installed: `apt-get install crun`');
    runtimeVersion = runtime;
    const plan = parseAddressPlan(bridge.cidr);
    await makeBridge(bridge.name, plan);
    hostIP = plan.gateway;
    options.onBridgeReady?.(hostIP);
    const pool = new NetnsPool({ bridge: bridge.name, plan, logger });
    for (const { sandbox } of states) if (sandbox) pool.adopt(sandbox);
    await pool.start();
    const oci = new OciDriver({
      runtime,
      paths,
      imageStoreRoot: options.imageStoreRoot,
      pool,
      clock,
      logger,
    });
    const containers = states.flatMap((state) => state.containers);
    await oci.endStrays(containers.map(({ record }) => record));
    driver = oci;
    void allowOutbound(bridge.name, plan, logger);
    const hasProxy = options.serviceCidr !== undefined;
    if (options.serviceCidr !== undefined)
      await routeServiceNetwork(bridge.name, options.serviceCidr, logger);
    const dns = await startNameServer(scoped, hostIP, hasProxy);
    if (dns) closers.push(() => dns.close());
  } else {
    const { bundlesRoot, functionsRoot } = options;
    driver = new ProcessDriver({ bundlesRoot, functionsRoot, clock, logger });
  }

  if (options.serviceCidr !== undefined) {
    const proxy = startServiceProxy(scoped, { nodeHosts: [...new Set(['127.0.0.1', hostIP])] });
    closers.push(() => proxy.close());
  }

  const pods = new PodManager(scoped, {
    driver,
    paths,
    nodeName: options.nodeName,
    hostIP,
    apiServer: options.apiServer,
    states,
  });
  pods.start();
  const running = makeClaimBinder(scoped, paths.volumes).run(signal);
  informers.informer(podKind);
  void writeObjects(scoped, { nodeName: options.nodeName, hostIP, runtimeVersion });

  const close = async (stopPods: boolean): Promise<void> => {
    abort.abort();
    await running;
    await pods.close({ stopPods });
    for (const closer of closers) await closer();
    await driver.close();
  };
  let closed: Promise<void> | undefined;
  return {
    readPodLog: (request) => pods.readPodLog(request),
    streams: pods,
    close: ({ stopPods = false } = {}) => (closed ??= close(stopPods)),
  };
}

const OBJECTS_RETRY_MS = 1_000;

/** The Node and the ingress Services: retried until the API takes them. */
async function writeObjects(
  context: ControllerContext,
  options: { readonly nodeName: string; readonly hostIP: string; readonly runtimeVersion: string },
): Promise<void> {
  const { client, clock, logger, signal } = context;
  if (signal.aborted) return;
  try {
    await writeNode(client, { ...options, nowMs: clock.now() });
    if (options.hostIP !== '127.0.0.1') await writeIngressServices(client, options.hostIP);
  } catch (error) {
    logger.debug('failed to write the node objects, trying again', { error });
    clock.after(OBJECTS_RETRY_MS, () => void writeObjects(context, options));
  }
}

/** Undefined where port 53 of the bridge is taken: pods then have addresses but no names. */
async function startNameServer(
  { informers, clock, logger }: ControllerContext,
  address: string,
  hasProxy: boolean,
): Promise<DnsServer | undefined> {
  const services = informers.informer(coreServiceKind);
  const endpoints = informers.informer(endpointsKind);
  const pods = informers.informer(podKind);
  const source: RecordSource = {
    hasProxy,
    service: (namespace, name) => services.get(namespace, name),
    endpoints: (namespace, name) => endpoints.get(namespace, name),
    readyPods: (namespace, labels) =>
      pods
        .list({ namespace, labels: { ...labels } })
        .filter((pod) => isPodReady(pod) && !pod.metadata.deletionTimestamp),
  };
  try {
    return await startDnsServer({ address, source, clock, logger });
  } catch (error) {
    logger.error('the name server of the pods cannot listen: names do not resolve inside pods', {
      address,
      error: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  }
}
