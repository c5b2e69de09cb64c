/**
 * What every namespace holds from its beginning: the service account `default`, and the CA of the
 * API for the programs in its pods. Both come back when somebody deletes them.
 * Source: k8s.io/kubernetes pkg/controller/serviceaccount, pkg/controller/certificates/rootcacertpublisher.
 */
import {
  configMapKind,
  namespaceKind,
  serviceAccountKind,
  type ConfigMap,
  type ServiceAccount,
} from '../../apis/core/types.ts';
import { isAlreadyExists, isNotFound } from '../../kube/api-error.ts';
import type { ControllerContext } from '../../kube/context.ts';
import { Controller } from '../../kube/controller.ts';

export const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';
const DEFAULT_ACCOUNT = 'default';
const DESCRIPTION = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

/** @param rootCa PEM of the CA that has signed the API's certificate. */
export function makeNamespaceContentController(
  context: ControllerContext,
  rootCa: string,
): Controller {
  const { client, informers, clock, logger } = context;
  const namespaces = informers.informer(namespaceKind);
  const accounts = informers.informer(serviceAccountKind);
  const configMaps = informers.informer(configMapKind);
  const controller = new Controller({
    name: 'namespace-content',
    clock,
    logger,
    reconcile: async (namespace) => {
      const holder = namespaces.get('', namespace);
      if (!holder || holder.metadata.deletionTimestamp) return;
      try {
        if (!accounts.get(namespace, DEFAULT_ACCOUNT))
          await client.create(serviceAccountKind, makeAccount(namespace));
        const found = configMaps.get(namespace, ROOT_CA_CONFIG_MAP);
        if (!found) await client.create(configMapKind, makeConfigMap(namespace, rootCa));
        else if (found.data?.['ca.crt'] !== rootCa)
          await client.update(configMapKind, { ...found, data: { 'ca.crt': rootCa } });
      } catch (error) {
        // The caches are behind: there it is already, or the namespace has gone.
        if (!isAlreadyExists(error) && !isNotFound(error)) throw error;
      }
    },
  });
  controller.watch(namespaces);
  controller.watch(accounts, ({ metadata }) =>
    metadata.name === DEFAULT_ACCOUNT ? [metadata.namespace ?? ''] : [],
  );
  controller.watch(configMaps, ({ metadata }) =>
    metadata.name === ROOT_CA_CONFIG_MAP ? [metadata.namespace ?? ''] : [],
  );
  return controller;
}

const makeAccount = (namespace: string): ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: DEFAULT_ACCOUNT, namespace },
});

const makeConfigMap = (namespace: string, rootCa: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: ROOT_CA_CONFIG_MAP, namespace, annotations: DESCRIPTION },
  data: { 'ca.crt': rootCa },
});
