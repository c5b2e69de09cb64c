/** The objects that Knative's test programs expect in the cluster before they start. */
import { KubeConfig, KubernetesObjectApi, type KubernetesObject } from '@kubernetes/client-node';
import { join } from 'node:path';

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

export async function conformanceObjects(home: string): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(join(home, 'kubeconfig'));
  const api = KubernetesObjectApi.makeApiClient(config);
  for (const object of objects) await api.create(object);
}
