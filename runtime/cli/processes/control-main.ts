/**
 * The control process: the API server and everything that only talks to it. The one place where the
 * rooms of the control plane are put together.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectDriver } from '../../agent/detect-driver.ts';
import { parseAddressPlan } from '../../agent/network/address-plan.ts';
import { ImageStore } from '../../agent/images/image-store.ts';
import { startAgent } from '../../agent/start-agent.ts';
import { parseServiceRange } from '../../apiserver/admission/service-range.ts';
import { publishKubernetesService } from '../../apiserver/kubernetes-service.ts';
import { makeLocalPki } from '../../apiserver/make-local-pki.ts';
import { startApiServer } from '../../apiserver/start-api-server.ts';
import { startAutoscaler } from '../../autoscaler/start-autoscaler.ts';
import { startBuild } from '../../build/start-build.ts';
import { startEventing } from '../../eventing/start-eventing.ts';
import { KubeClient } from '../../kube/client.ts';
import { InformerFactory } from '../../kube/informer.ts';
import { createConfigMaps } from '../../serving/config-maps.ts';
import { startServing } from '../../serving/start-serving.ts';
import { startSources } from '../../sources/start-sources.ts';
import { startWorkloads } from '../../workloads/start-workloads.ts';
import { makeAllDefinitions } from '../all-definitions.ts';
import { CommandError } from '../command-error.ts';
import { homeOf } from '../home.ts';
import {
  BROKER_INGRESS_HOST,
  GATEWAY_SERVICE_HOST,
  LOCAL_DOMAIN,
  bridgeOf,
  serviceCidrOf,
} from '../local-names.ts';
import { makeEndpointsController } from '../../workloads/endpoints/endpoints-controller.ts';
import { ServingAdmission } from '../serving-admission.ts';
import { packageRoot } from '../version.ts';
import { runChild } from './child-shell.ts';

/** By which names and addresses clients reach the API: from the machine, and from within a pod. */
const API_HOSTS = [
  '127.0.0.1',
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

/** The local home is one node. */
const NODE_NAME = 'knit';

await runChild('control', async (environment) => {
  const { options, logger, signal, clock } = environment;
  const home = homeOf(options.home, {});
  const driver = await chooseDriver(options.driver);
  // The agent is made after the API server, which must be able to reach what it runs.
  let runningAgent: Awaited<ReturnType<typeof startAgent>> | undefined;
  const agentThatRuns = () => {
    if (!runningAgent) throw new Error('the agent is not ready yet');
    return runningAgent;
  };

  const admission = new ServingAdmission();
  const serviceCidr = serviceCidrOf(home.root, driver.driver);
  const clusterIP = parseServiceRange(serviceCidr).addressOf(1);
  // Where programs in pods reach the API: at the bridge.
  const podsApiHost =
    driver.driver === 'oci' ? parseAddressPlan(bridgeOf(home.root).cidr).gateway : undefined;
  const pki = await makeLocalPki(home.pki, {
    hosts: [...API_HOSTS, clusterIP, ...(podsApiHost === undefined ? [] : [podsApiHost])],
  });
  const api = await startApiServer({
    dataDir: home.data,
    secretsKeyFile: join(home.pki, 'secrets.key'),
    definitions: makeAllDefinitions(() => admission.current),
    clock,
    random: Math.random,
    logger: logger.child({ room: 'apiserver' }),
    tls: {
      host: '127.0.0.1',
      port: options.apiPort,
      cert: pki.cert,
      key: pki.key,
      clientCa: pki.ca,
    },
    token: pki.token,
    serviceAccountKey: pki.serviceAccountKey,
    // A plain process has no file system of its own to mount one in.
    mountsServiceAccountTokens: driver.driver === 'oci',
    socketPath: home.apiSocket,
    serviceCidr,
    readPodLog: (request) => agentThatRuns().readPodLog(request),
    podStreams: {
      exec: async (request) => agentThatRuns().streams.exec(request),
      attach: async (request) => agentThatRuns().streams.attach(request),
      connect: async (target) => agentThatRuns().streams.connect(target),
    },
  });
  environment.onStop(() => api.close());
  const apiUrl = `https://127.0.0.1:${api.port}`;
  writeKubeconfig(home.kubeconfig, { apiUrl, ca: pki.ca, token: pki.token });

  const client = new KubeClient(api.transport);
  const informers = new InformerFactory({ client, clock, random: Math.random, logger });
  const contextOf = (room: string) => ({
    client,
    informers,
    clock,
    random: Math.random,
    logger: logger.child({ room }),
    signal,
  });
  await createConfigMaps(client);
  await publishKubernetesService(client, { clusterIP, host: '127.0.0.1', port: api.port ?? 0 });
  await admission.follow(contextOf('admission'));
  const clusterLocalGateway = { host: '127.0.0.1', port: options.gatewayInternalPort };
  const functionsRoot = join(packageRoot(), 'dist/runtime/functions');

  const agent = await startAgent(contextOf('agent'), {
    home: home.root,
    driver: driver.driver,
    nodeName: NODE_NAME,
    bridge: bridgeOf(home.root),
    serviceCidr,
    onBridgeReady: (address) => {
      environment.send({ type: 'bridge', address });
      api.listenAlso({ host: address, port: api.port ?? 0 }).catch((error: unknown) => {
        logger.error('the API cannot listen on the bridge: programs in pods do not reach it', {
          address,
          error: String(error),
        });
      });
    },
    ...(podsApiHost === undefined ? {} : { apiServer: { host: podsApiHost, port: api.port ?? 0 } }),
    imageStoreRoot: home.containers,
    bundlesRoot: home.bundles,
    functionsRoot,
  });
  runningAgent = agent;
  environment.onStop(({ stopPods }) => agent.close({ stopPods }));

  // Stopped before the agent: they would replace the pods that it ends.
  const workloads = startWorkloads(contextOf('workloads'), {
    nodeName: NODE_NAME,
    rootCa: pki.ca,
  });
  environment.onStop(() => workloads.close());

  void makeEndpointsController(contextOf('endpoints')).run(signal);
  const handles = await Promise.all([
    startServing(contextOf('serving'), {
      domain: LOCAL_DOMAIN,
      externalPort: options.gatewayPort,
      gatewayServiceHost: GATEWAY_SERVICE_HOST,
      ...(driver.driver === 'oci' ? { resolveImage: imageDigests(home.containers) } : {}),
    }),
    startAutoscaler(contextOf('autoscaler'), { statSocketPath: home.autoscalerSocket }),
    startEventing(contextOf('eventing'), { brokerIngressHost: BROKER_INGRESS_HOST }),
    startSources(contextOf('sources'), { clusterLocalGateway }),
    startBuild(contextOf('build'), {
      home: home.root,
      imageStoreRoot: home.containers,
      bundlesRoot: home.bundles,
      functionsRoot,
      mode: driver.driver === 'oci' ? 'buildah' : 'bundle',
    }),
  ]);
  environment.onStop(async () => {
    await Promise.all(handles.map((handle) => handle.close()));
  });
  informers.start(signal);
  await informers.waitForSync(signal);
  return {
    driver: driver.driver,
    apiUrl,
    ...(driver.reason === undefined ? {} : { driverReason: driver.reason }),
  };
});

/** What a tag is in the local image store; bundles of the process driver are run by name. */
function imageDigests(imageStoreRoot: string): (image: string) => string {
  const store = new ImageStore(imageStoreRoot);
  return (image) => store.resolve(image).imageID;
}

async function chooseDriver(
  wanted: 'auto' | 'oci' | 'process',
): Promise<{ driver: 'oci' | 'process'; reason?: string | undefined }> {
  const warning = 'functions run as plain processes, and nothing isolates them';
  if (wanted === 'process') return { driver: 'process', reason: warning };
  const found = await detectDriver();
  if (found.driver === 'oci') return { driver: 'oci' };
  if (wanted === 'oci')
    throw new CommandError(`containers cannot run here: ${found.reason ?? 'unknown reason'}`);
  return {
    driver: 'process',
    reason: `${warning}, since ${found.reason ?? 'containers cannot run'}`,
  };
}

function writeKubeconfig(
  path: string,
  access: { apiUrl: string; ca: string; token: string },
): void {
  // Strings of JSON are strings of YAML: this needs no writer of YAML, which the process would hold
  // for this one file.
  const text = `apiVersion: v1
kind: Config
current-context: knit
clusters:
  - name: knit
    cluster:
      server: ${JSON.stringify(access.apiUrl)}
      certificate-authority-data: ${Buffer.from(access.ca).toString('base64')}
users:
  - name: knit
    user:
      token: ${JSON.stringify(access.token)}
contexts:
  - name: knit
    context:
      cluster: knit
      user: knit
      namespace: default
`;
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  chmodSync(path, 0o600);
}
