/**
 * A home for deployments in tests: Knit's own API server over TLS and its build room, with the
 * statuses of functions, brokers, triggers, sources and claims written by hand. Containers, gateway
 * and broker are the end-to-end test's.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { persistentVolumeClaimKind, persistentVolumeKind } from '../../runtime/apis/core/types.ts';
import { eventingDefinitions } from '../../runtime/apis/eventing/definitions.ts';
import { brokerKind, triggerKind } from '../../runtime/apis/eventing/types.ts';
import { gatewayDefinitions } from '../../runtime/apis/gateway/definitions.ts';
import type { KubeObject, ResourceKind } from '../../runtime/apis/meta/object.ts';
import { servingDefinitions } from '../../runtime/apis/serving/definitions.ts';
import { serviceKind, type Service } from '../../runtime/apis/serving/types.ts';
import { sourcesDefinitions } from '../../runtime/apis/sources/definitions.ts';
import { pingSourceKind } from '../../runtime/apis/sources/types.ts';
import { tektonDefinitions } from '../../runtime/apis/tekton/definitions.ts';
import { startBuild } from '../../runtime/build/start-build.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

export interface TestCluster {
  readonly client: KubeClient;
  /** For KNIT_HOME. */
  readonly home: string;
  close(): Promise<void>;
}

/** A function with this variable in its environment never gets ready. */
export const FAILING_VARIABLE = 'TEST_FAILS';

export async function startTestCluster(): Promise<TestCluster> {
  const home = mkdtempSync(path.join(tmpdir(), 'knit-cluster-'));
  const pki = await makeLocalPki(path.join(home, 'pki'), { hosts: ['127.0.0.1'] });
  const api = await startApiServer({
    dataDir: path.join(home, 'data'),
    definitions: [
      ...coreDefinitions,
      ...servingDefinitions,
      ...eventingDefinitions,
      ...sourcesDefinitions,
      ...gatewayDefinitions,
      ...tektonDefinitions,
    ],
    clock: systemClock,
    logger: silentLogger,
    tls: { host: '127.0.0.1', port: 0, cert: pki.cert, key: pki.key },
    token: pki.token,
  });
  writeAccess(home, { server: `https://127.0.0.1:${api.port}`, ca: pki.ca, token: pki.token });
  const abort = new AbortController();
  const client = new KubeClient(api.transport);
  const deps = { client, clock: systemClock, random: Math.random, logger: silentLogger };
  const informers = new InformerFactory(deps);
  const context = { ...deps, informers, signal: abort.signal };
  const functionsRoot = fileURLToPath(new URL('../../runtime/functions', import.meta.url));
  const build = await startBuild(context, {
    home,
    imageStoreRoot: path.join(home, 'containers'),
    bundlesRoot: path.join(home, 'bundles'),
    functionsRoot,
    mode: 'bundle',
  });
  writeStatuses(client, informers);
  bindClaims(client, informers, home);
  informers.start(abort.signal);
  await informers.waitForSync(abort.signal);
  return {
    client,
    home,
    async close() {
      abort.abort();
      await build.close();
      await api.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function writeAccess(home: string, access: { server: string; ca: string; token: string }): void {
  const config = {
    'current-context': 'knit',
    contexts: [{ name: 'knit', context: { cluster: 'knit', user: 'knit' } }],
    clusters: [
      {
        name: 'knit',
        cluster: {
          server: access.server,
          'certificate-authority-data': Buffer.from(access.ca).toString('base64'),
        },
      },
    ],
    users: [{ name: 'knit', user: { token: access.token } }],
  };
  writeFileSync(path.join(home, 'kubeconfig'), JSON.stringify(config), { mode: 0o600 });
  mkdirSync(path.join(home, 'run'), { recursive: true });
  const status = { running: true, gateway: 'http://127.0.0.1:8080', broker: null };
  writeFileSync(path.join(home, 'run/status.json'), JSON.stringify(status));
}

function writeStatuses(client: KubeClient, informers: InformerFactory): void {
  const keep = <T extends KubeObject>(
    kind: ResourceKind<T>,
    statusOf: (object: T) => object,
  ): void => {
    informers.informer(kind).onChange(({ type, object }) => {
      const { observedGeneration } =
        (object as { status?: { observedGeneration?: number } }).status ?? {};
      if (type === 'deleted' || observedGeneration === object.metadata.generation) return;
      const status = { observedGeneration: object.metadata.generation, ...statusOf(object) };
      // A newer generation has come meanwhile; its own event follows.
      client.updateStatus(kind, { ...object, status }).catch(() => undefined);
    });
  };
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
  keep(brokerKind, () => ready);
  keep(triggerKind, () => ready);
  keep(pingSourceKind, () => ready);
  keep(serviceKind, serviceStatus);
}

function serviceStatus(service: Service): object {
  const { name, generation = 0 } = service.metadata;
  const revision = `${name}-${String(generation).padStart(5, '0')}`;
  const environment = service.spec.template.spec.containers[0]?.env ?? [];
  if (!environment.some((variable) => variable.name === FAILING_VARIABLE))
    return {
      conditions: [{ type: 'Ready', status: 'True' }],
      latestCreatedRevisionName: revision,
      latestReadyRevisionName: revision,
    };
  const failed = {
    status: 'False',
    reason: 'RevisionFailed',
    message: `Revision "${revision}" failed with message: the handler threw at import.`,
  };
  return {
    conditions: [
      { type: 'ConfigurationsReady', ...failed },
      { type: 'Ready', ...failed },
    ],
    latestCreatedRevisionName: revision,
    ...(service.status?.latestReadyRevisionName === undefined
      ? {}
      : { latestReadyRevisionName: service.status.latestReadyRevisionName }),
  };
}

function bindClaims(client: KubeClient, informers: InformerFactory, home: string): void {
  informers.informer(persistentVolumeClaimKind).onChange(({ type, object }) => {
    if (type === 'deleted' || object.spec.volumeName !== undefined) return;
    const { namespace = '', name, uid = '' } = object.metadata;
    const directory = path.join(home, 'volumes', uid);
    mkdirSync(directory, { recursive: true });
    const volumeName = `pv-${uid}`;
    client
      .create(persistentVolumeKind, {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: volumeName },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          hostPath: { path: directory },
          claimRef: { namespace, name, uid },
        },
      })
      .then(() =>
        client.patch(persistentVolumeClaimKind, object.metadata, {
          type: 'merge',
          body: { spec: { volumeName } },
        }),
      )
      .catch(() => undefined);
  });
}
