/** A build room with its own home and API, for integration tests: real buildah, real files. */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PersistentVolume, PersistentVolumeClaim } from '../../runtime/apis/core/types.ts';
import {
  namespaceKind,
  persistentVolumeClaimKind,
  persistentVolumeKind,
} from '../../runtime/apis/core/types.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { tektonDefinitions } from '../../runtime/apis/tekton/definitions.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import type { ApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { taskRunKind } from '../../runtime/apis/tekton/types.ts';
import type { TaskRun } from '../../runtime/apis/tekton/types.ts';
import { isDone } from '../../runtime/build/plan-task-run.ts';
import { startBuild } from '../../runtime/build/start-build.ts';
import type { BuildHandle } from '../../runtime/build/start-build.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

export const functionsRoot = fileURLToPath(new URL('../../runtime/functions', import.meta.url));
export const namespace = 'shop-dev';
const waitMs = 60_000;

export class BuildHome {
  readonly home: string;
  readonly source: string;
  readonly client: KubeClient;
  private readonly mode: 'buildah' | 'bundle';
  private abort = new AbortController();
  private handle: BuildHandle | undefined;

  private readonly api: ApiServer;

  private constructor(home: string, mode: 'buildah' | 'bundle', api: ApiServer) {
    this.home = home;
    this.mode = mode;
    this.source = join(home, 'volumes', 'v1');
    this.api = api;
    this.client = new KubeClient(api.transport);
  }

  /** @param parent where to put the home. */
  static async create(mode: 'buildah' | 'bundle', parent = tmpdir()): Promise<BuildHome> {
    const home = await mkdtemp(join(parent, 'knit-build-'));
    const api = await startApiServer({
      dataDir: join(home, 'data'),
      definitions: [...coreDefinitions, ...tektonDefinitions],
      clock: systemClock,
      logger: silentLogger,
    });
    const made = new BuildHome(home, mode, api);
    await mkdir(made.source, { recursive: true });
    await made.client.create(namespaceKind, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
    });
    await made.client.create<PersistentVolume>(persistentVolumeKind, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'v1' },
      spec: { hostPath: { path: made.source } },
    });
    await made.client.create<PersistentVolumeClaim>(persistentVolumeClaimKind, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'knit-source', namespace },
      spec: {
        volumeName: 'v1',
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
      },
      status: { phase: 'Bound' },
    });
    await made.start();
    return made;
  }

  async start(): Promise<void> {
    this.abort = new AbortController();
    const base = {
      client: this.client,
      clock: systemClock,
      random: Math.random,
      logger: silentLogger,
    };
    const informers = new InformerFactory(base);
    informers.start(this.abort.signal);
    this.handle = await startBuild(
      { ...base, informers, signal: this.abort.signal },
      {
        home: this.home,
        imageStoreRoot: join(this.home, 'containers'),
        bundlesRoot: join(this.home, 'bundles'),
        functionsRoot,
        mode: this.mode,
      },
    );
  }

  async stop(): Promise<void> {
    await this.handle?.close();
    this.abort.abort();
  }

  /** Stops and removes everything. */
  async remove(): Promise<void> {
    await this.stop();
    await this.api.close();
    await rm(this.home, { recursive: true, force: true });
  }

  create(name: string, spec: TaskRun['spec']): Promise<TaskRun> {
    return this.client.create<TaskRun>(taskRunKind, {
      apiVersion: 'tekton.dev/v1',
      kind: 'TaskRun',
      metadata: { name, namespace },
      spec,
    });
  }

  /** Creates a TaskRun bound to the source claim and resolves when it has ended. */
  async build(
    name: string,
    taskSpec: NonNullable<TaskRun['spec']['taskSpec']>,
    params: Record<string, string | string[]> = {},
  ): Promise<TaskRun> {
    await this.create(name, {
      taskSpec,
      params: Object.entries(params).map(([key, value]) => ({ name: key, value })),
      workspaces: [{ name: 'source', persistentVolumeClaim: { claimName: 'knit-source' } }],
    });
    return this.until(name, isDone);
  }

  /** Resolves with the TaskRun once `accepts` holds. */
  async until(name: string, accepts: (taskRun: TaskRun) => boolean): Promise<TaskRun> {
    const deadlineMs = Date.now() + waitMs;
    for (;;) {
      const taskRun = await this.client.get(taskRunKind, { namespace, name });
      if (taskRun && accepts(taskRun)) return taskRun;
      if (Date.now() > deadlineMs)
        throw new Error(`TaskRun ${name} did not get there: ${JSON.stringify(taskRun?.status)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The Succeeded condition as `status reason: message`. */
export function conditionOf(taskRun: TaskRun): string {
  const condition = taskRun.status?.conditions?.find(({ type }) => type === 'Succeeded');
  return `${condition?.status} ${condition?.reason}: ${condition?.message}`;
}

export const resultOf = (taskRun: TaskRun, name: string): string =>
  String(taskRun.status?.results?.find((result) => result.name === name)?.value);
