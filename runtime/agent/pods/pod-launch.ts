/**
 * What a start of a pod's containers needs beside the image: its volumes, environment, tokens and the
 * files of its own that every container sees. Decides nothing about when.
 */
import { mkdirSync, writeFileSync } from 'node:fs';

import type { Container, Pod } from '../../apis/core/types.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Clock } from '../../std/clock.ts';
import type { Logger } from '../../std/logger.ts';
import { attemptTermination, type PodPaths } from '../agent-paths.ts';
import { type Sandbox, StartError, type StartRequest } from '../driver.ts';
import { readPodField, resolveEnv } from './pod-env.ts';
import { PodTokens } from './pod-tokens.ts';
import {
  makeBindMounts,
  materializeVolumes,
  renewTokenFiles,
  type VolumeSource,
} from './pod-volumes.ts';
import { makeTerminationFile } from './termination-message.ts';

export interface PodLaunchDeps {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The node's address as pods see it, which is also their name server. */
  readonly hostIP: string;
  readonly sourceOf: (namespace: string) => Omit<VolumeSource, 'token' | 'field'>;
  /** Where programs in pods find the API; their environment says so. */
  readonly apiServer?: { readonly host: string; readonly port: number } | undefined;
}

export class PodLaunch {
  private readonly pod: Pod;
  private readonly podPaths: PodPaths;
  private readonly deps: PodLaunchDeps;
  private readonly tokens: PodTokens;
  private volumes: Map<string, string> | undefined;
  private podIP = '';

  constructor(pod: Pod, podPaths: PodPaths, deps: PodLaunchDeps) {
    this.pod = pod;
    this.podPaths = podPaths;
    this.deps = deps;
    this.tokens = new PodTokens(pod, { ...deps, onRenewed: () => this.renewTokens() });
  }

  /** Undefined when the pod wants no tokens, so that its start need not wait. */
  fetchTokens(): Promise<void> | undefined {
    return this.tokens.fetch();
  }

  /** Nothing is renewed any more. */
  close(): void {
    this.tokens.close();
  }

  /** Everything that one attempt of a container is started with. @throws {StartError} */
  prepare(container: Container, attempt: number, sandbox: Sandbox | undefined): StartRequest {
    const { pod, podPaths } = this;
    if (!sandbox) throw new StartError('CreateContainerError', 'the pod has no network any more');
    const { namespace = '', name, uid = '' } = pod.metadata;
    this.podIP = sandbox.podIP;
    const source = this.volumeSource();
    this.volumes ??= materializeVolumes(pod, podPaths.volumes, source);
    const { hostIP } = this.deps;
    const env = {
      ...this.serviceEnv(),
      ...resolveEnv({ pod, container, source, podIP: sandbox.podIP, hostIP }),
    };
    const terminationFile = attemptTermination(podPaths, container.name, attempt);
    makeTerminationFile(terminationFile);
    return {
      pod: { namespace, name, uid, hostname: hostnameOf(pod) },
      podPaths,
      sandbox,
      container,
      podSecurity: pod.spec.securityContext,
      attempt,
      env,
      mounts: makeBindMounts(container, this.volumes, env),
      terminationFile,
    };
  }

  /** The files that name the pod and its name server. @throws the file system's error. */
  writeSystemFiles({ podIP }: Sandbox): void {
    const { root, resolvConf, hosts, hostname, volumes } = this.podPaths;
    const { metadata, spec } = this.pod;
    const { namespace = '' } = metadata;
    const name = hostnameOf(this.pod);
    // As other pods find it, where a headless Service of that name is.
    const names = spec.subdomain
      ? `${name}.${spec.subdomain}.${namespace}.svc.cluster.local ${name}`
      : name;
    mkdirSync(volumes, { recursive: true, mode: 0o700 });
    mkdirSync(root, { recursive: true, mode: 0o700 });
    const search = `${namespace}.svc.cluster.local svc.cluster.local cluster.local`;
    writeFileSync(
      resolvConf,
      `nameserver ${this.deps.hostIP}\nsearch ${search}\noptions ndots:5\n`,
    );
    writeFileSync(hosts, `127.0.0.1 localhost\n::1 localhost ip6-localhost\n${podIP} ${names}\n`);
    writeFileSync(hostname, `${name}\n`);
  }

  /** Replaces the tokens of a pod that runs. */
  renewTokens(): void {
    try {
      renewTokenFiles(this.pod, this.podPaths.volumes, this.volumeSource());
    } catch (error) {
      this.deps.logger.warn('failed to write the renewed tokens of a pod', {
        pod: this.pod.metadata.name,
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }

  private volumeSource(): VolumeSource {
    const { pod, tokens, podIP } = this;
    const { hostIP, sourceOf } = this.deps;
    return {
      ...sourceOf(pod.metadata.namespace ?? ''),
      token: (projection) => tokens.find(projection),
      field: (path) => readPodField(path, { pod, podIP, hostIP }),
    };
  }

  /** What client libraries look for to know that they run inside a cluster. */
  private serviceEnv(): Record<string, string> {
    const { apiServer } = this.deps;
    if (!apiServer) return {};
    const port = String(apiServer.port);
    return {
      KUBERNETES_SERVICE_HOST: apiServer.host,
      KUBERNETES_SERVICE_PORT: port,
      KUBERNETES_SERVICE_PORT_HTTPS: port,
    };
  }
}

/** Both files and kernel have room for that many; names of pods may be longer. */
const HOSTNAME_LENGTH_MAX = 63;

const hostnameOf = ({ metadata, spec }: Pod): string =>
  spec.hostname || metadata.name.slice(0, HOSTNAME_LENGTH_MAX).replace(/[-.]+$/, '');
