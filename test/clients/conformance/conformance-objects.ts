/** The objects that Knative's test programs expect in the cluster before they start. */
import {
  ApiException,
  KubeConfig,
  KubernetesObjectApi,
  type KubernetesObject,
} from '@kubernetes/client-node';
import { join } from 'node:path';
import type { Settings } from './conformance-programs.ts';

type ConfigMap = KubernetesObject & { data?: Record<string, string> };

const namespace = (name: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
});

const objects: readonly (KubernetesObject & Record<string, unknown>)[] = [
  { ...namespace('serving-tests') },
  { ...namespace('serving-tests-alt') },
  { ...namespace('tls') },
  { ...namespace('rq-test') },
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'conformance-test-configmap', namespace: 'serving-tests' },
    data: { testKey: 'testValue' },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'conformance-test-secret', namespace: 'serving-tests' },
    type: 'Opaque',
    stringData: { testKey: 'testValue' },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'knative-pv-claim', namespace: 'serving-tests' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'rq-e2e-test', namespace: 'rq-test' },
    spec: { hard: { cpu: '50m' } },
  },
  // The programs look the ingress' ports up in a Service; what it does not name is dialled as it is.
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'conformance-ingress', namespace: 'serving-tests' },
    spec: { ports: [{ name: 'unused', port: 65000 }] },
  },
];

export async function createObjects(home: string): Promise<void> {
  const api = connect(home);
  for (const object of objects) await api.create(object);
}

/** @returns what takes the settings back. */
export async function applySettings(
  home: string,
  settings: Settings,
): Promise<() => Promise<void>> {
  const api = connect(home);
  const before: ConfigMap[] = [];
  for (const [name, data] of Object.entries(settings)) {
    const found = await readConfigMap(api, name);
    before.push(found);
    await writeConfigMap(api, { ...found, data: { ...found.data, ...data } });
  }
  return async () => {
    for (const { metadata, data } of before) {
      const found = await readConfigMap(api, metadata?.name ?? '');
      await writeConfigMap(api, { ...found, data: data ?? {} });
    }
  };
}

const connect = (home: string): KubernetesObjectApi => {
  const config = new KubeConfig();
  config.loadFromFile(join(home, 'kubeconfig'));
  return KubernetesObjectApi.makeApiClient(config);
};

async function readConfigMap(api: KubernetesObjectApi, name: string): Promise<ConfigMap> {
  const wanted = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'knative-serving' },
  };
  try {
    return await api.read<ConfigMap>(wanted);
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return wanted;
    throw error;
  }
}

const writeConfigMap = (api: KubernetesObjectApi, object: ConfigMap): Promise<unknown> =>
  object.metadata?.resourceVersion === undefined ? api.create(object) : api.replace(object);
