/** Starts a real API server in a directory of its own, for tests. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appsDefinitions } from '../../runtime/apis/apps/definitions.ts';
import { coreDefinitions } from '../../runtime/apis/core/definitions.ts';
import { gatewayDefinitions } from '../../runtime/apis/gateway/definitions.ts';
import type { KindDefinition } from '../../runtime/apis/meta/kind-definition.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import {
  startApiServer,
  type ApiServer,
  type ApiServerOptions,
} from '../../runtime/apiserver/start-api-server.ts';
import type { KubeRequest, KubeResponse, WatchEvent } from '../../runtime/kube/transport.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

/** A custom kind of Knative's group, so that admission answers as its webhook does. */
export const widgetDefinition: KindDefinition = {
  group: 'test.knative.dev',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  singular: 'widget',
  namespaced: true,
  hasStatus: true,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Ready")].status',
    },
  ],
  applyDefaults: (object) => ({ color: 'blue', ...object }),
  validate: (object) =>
    (object as KubeObject & { spec?: { size?: number } }).spec?.size === -1
      ? [{ message: 'invalid value: -1', paths: ['spec.size'] }]
      : [],
};

export const testDefinitions: readonly KindDefinition[] = [
  ...coreDefinitions,
  ...appsDefinitions,
  ...gatewayDefinitions,
  widgetDefinition,
];

export interface Api {
  readonly server: ApiServer;
  readonly directory: string;
  request(
    method: KubeRequest['method'],
    path: string,
    body?: unknown,
    more?: Partial<KubeRequest>,
  ): Promise<KubeResponse & { body: any }>;
  /** Collects events until `stop`. */
  watch(
    path: string,
    query?: Record<string, string>,
  ): { events: WatchEvent[]; stop: () => Promise<void>; ended: Promise<void> };
  /** Stops the server and starts another one on the same data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startApi(options: Partial<ApiServerOptions> = {}): Promise<Api> {
  const directory = await mkdtemp(join(tmpdir(), 'knit-api-'));
  const start = (): Promise<ApiServer> =>
    startApiServer({
      dataDir: join(directory, 'data'),
      definitions: testDefinitions,
      clock: systemClock,
      logger: silentLogger,
      ...options,
    });
  let server = await start();
  return {
    get server() {
      return server;
    },
    directory,
    request: (method, path, body, more = {}) =>
      server.transport.request({ method, path, body, ...more }),
    watch(path, query = {}) {
      const events: WatchEvent[] = [];
      const stopper = new AbortController();
      const ended = server.transport.watch({ path, query, signal: stopper.signal }, (event) =>
        events.push(event),
      );
      return {
        events,
        ended,
        async stop() {
          stopper.abort();
          await ended;
        },
      };
    },
    async restart() {
      await server.close();
      server = await start();
    },
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Waits for background work that has no event to wait for; fails after 30 s, since machines may be busy. */
export async function eventually(check: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('what was waited for did not happen within 30 s');
}
