/**
 * A new Pod's service account: `default` where it names none; it must exist; its pull secrets and,
 * unless Pod or account say no, a mounted token with the CA and the namespace become the Pod's.
 * Source: k8s.io/kubernetes plugin/pkg/admission/serviceaccount/admission.go.
 */
import { serviceAccountKind, type Container, type Pod } from '../../apis/core/types.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Clock } from '../../std/clock.ts';
import type { Random } from '../../std/random.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission-chain.ts';
import { andThen, type MaybePromise } from '../maybe-promise.ts';
import { StatusError } from '../status-error.ts';
import type { Store } from '../store/store.ts';

const ACCOUNTS_STORE = '/serviceaccounts';
const DEFAULT_ACCOUNT = 'default';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** Upstream asks for this odd number, by which TokenRequest knows whose token it is. */
const EXPIRATION_SECONDS = 3_607;
/** A namespace gets its `default` account right after it is made; a Pod may be even faster. */
const DEFAULT_ACCOUNT_WAIT_MS = 1_500;
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;

interface ServiceAccount extends KubeObject {
  automountServiceAccountToken?: boolean;
  imagePullSecrets?: { name: string }[];
}

export function makeServiceAccountAdmission(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}): AdmissionPlugin {
  const { store, clock, random } = deps;
  return {
    mutate(request) {
      const { resource, subresource, operation, object } = request;
      if (resource.storeName !== '/pods' || subresource !== undefined) return object;
      if (operation !== 'CREATE' || !object) return object;
      const pod = object as Pod;
      const name = pod.spec.serviceAccountName || DEFAULT_ACCOUNT;
      return andThen(findAccount(request, name), (account) =>
        withAccount(pod, account, () => makeSuffix(random)),
      );
    },
  };

  /** At once, unless it is one that is about to appear. @throws {StatusError} 403 */
  function findAccount(request: AdmissionRequest, name: string): MaybePromise<ServiceAccount> {
    const { namespace } = request;
    const found = store.get(ACCOUNTS_STORE, namespace, name);
    if (found) return found;
    if (name !== DEFAULT_ACCOUNT) throw missing(request, name);
    return new Promise((resolve, reject) => {
      const stop = store.listen(ACCOUNTS_STORE, ({ type, object }) => {
        const { metadata } = object;
        if (type === 'DELETED' || metadata.namespace !== namespace || metadata.name !== name)
          return;
        end();
        resolve(object);
      });
      const cancel = clock.after(DEFAULT_ACCOUNT_WAIT_MS, () => {
        end();
        reject(missing(request, name));
      });
      const end = (): void => {
        stop();
        cancel();
      };
    });
  }
}

function missing({ resource, namespace, object }: AdmissionRequest, name: string): StatusError {
  return StatusError.forbidden(
    resource,
    object?.metadata.name ?? '',
    `error looking up service account ${namespace}/${name}: ${serviceAccountKind.plural.slice(0, -1)} ${JSON.stringify(name)} not found`,
  );
}

function withAccount(pod: Pod, account: ServiceAccount, suffix: () => string): Pod {
  const { name } = account.metadata;
  const { spec } = pod;
  const pullSecrets = spec.imagePullSecrets?.length
    ? spec.imagePullSecrets
    : (account.imagePullSecrets ?? []);
  const named = {
    ...spec,
    serviceAccountName: name,
    serviceAccount: name,
    ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
  };
  const automount =
    (spec['automountServiceAccountToken'] as boolean | undefined) ??
    account.automountServiceAccountToken ??
    true;
  return { ...pod, spec: automount ? withMountedToken(named, suffix) : named };
}

/** Containers that mount something there themselves are left as they are. */
function withMountedToken(spec: Pod['spec'], suffix: () => string): Pod['spec'] {
  const volumes = spec.volumes ?? [];
  const present = volumes.find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const name = present?.name ?? `${VOLUME_PREFIX}${suffix()}`;
  let isMounted = false;
  const mount = (container: Container): Container => {
    const mounts = container.volumeMounts ?? [];
    if (mounts.some(({ mountPath }) => mountPath === MOUNT_PATH)) return container;
    isMounted = true;
    return {
      ...container,
      volumeMounts: [...mounts, { name, readOnly: true, mountPath: MOUNT_PATH }],
    };
  };
  const containers = spec.containers.map(mount);
  const initContainers = spec.initContainers?.map(mount);
  if (!isMounted) return spec;
  return {
    ...spec,
    containers,
    ...(initContainers ? { initContainers } : {}),
    volumes: present ? volumes : [...volumes, makeTokenVolume(name)],
  };
}

const makeTokenVolume = (name: string): NonNullable<Pod['spec']['volumes']>[number] => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: EXPIRATION_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [
            { path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } },
          ],
        },
      },
    ],
  } as NonNullable<NonNullable<Pod['spec']['volumes']>[number]['projected']>,
});

function makeSuffix(random: Random): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++)
    suffix += SUFFIX_ALPHABET[Math.floor(random() * SUFFIX_ALPHABET.length)];
  return suffix;
}
