/** A real API server and what a controller is given, in a temporary home: for the agent's integration tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Agent, type AgentOptions, startAgent } from '../../runtime/agent/start-agent.ts';
import { deploymentKind, type Deployment } from '../../runtime/apis/apps/types.ts';
import { type Container, type Pod, podKind } from '../../runtime/apis/core/types.ts';
import { startApiServer } from '../../runtime/apiserver/start-api-server.ts';
import { allDefinitions } from '../../runtime/cli/all-definitions.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import type { ControllerContext } from '../../runtime/kube/context.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { type Logger, silentLogger } from '../../runtime/std/logger.ts';
import { startWorkloads } from '../../runtime/workloads/start-workloads.ts';

export interface TestMachine {
  readonly home: string;
  readonly client: KubeClient;
  /** A context of its own, as a new process would have; `abort` ends its informers. */
  makeContext(): { context: ControllerContext; abort: () => void };
  close(): Promise<void>;
}

const logger: Logger = process.env['TEST_VERBOSE']
  ? {
      debug: console.error,
      info: console.error,
      warn: console.error,
      error: console.error,
      child: () => logger,
    }
  : silentLogger;

/** In a temporary home, or one that exists: whose objects are there again. */
export async function startTestMachine(
  home = mkdtempSync(join(tmpdir(), 'knit-agent-home-')),
): Promise<TestMachine> {
  const api = await startApiServer({
    dataDir: join(home, 'data'),
    // All of them: a controller waits for the informers of every kind that it watches.
    definitions: allDefinitions,
    clock: systemClock,
    logger,
  });
  const client = new KubeClient(api.transport);
  const aborts: AbortController[] = [];
  return {
    home,
    client,
    makeContext() {
      const controller = new AbortController();
      aborts.push(controller);
      const deps = { client, clock: systemClock, random: Math.random, logger };
      const informers = new InformerFactory(deps);
      informers.start(controller.signal);
      const context = { ...deps, informers, signal: controller.signal };
      return { context, abort: () => controller.abort() };
    },
    async close() {
      for (const controller of aborts) controller.abort();
      await api.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** An agent, and the controllers that make Pods for it: what the control process composes. */
export async function startNode(context: ControllerContext, options: AgentOptions): Promise<Agent> {
  const agent = await startAgent(context, options);
  const workloads = startWorkloads(context, { nodeName: options.nodeName });
  return {
    ...agent,
    async close(how) {
      await workloads.close();
      await agent.close(how);
    },
  };
}

export function makeDeployment(
  name: string,
  container: Partial<Container>,
  spec: Partial<Pod['spec']> & { replicas?: number } = {},
): Deployment {
  const { replicas = 1, ...podSpec } = spec;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 5,
          ...podSpec,
          containers: [
            {
              name: 'user',
              image: '',
              ports: [{ containerPort: 8080 }],
              readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 0 },
              ...container,
            },
          ],
        },
      },
    },
  };
}

/** Polls until `read` gives something. @throws after `timeoutMs`, with what was seen last. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await read();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export async function podsOf(client: KubeClient, app: string): Promise<Pod[]> {
  return (await client.list(podKind, { namespace: 'default', labelSelector: `app=${app}` })).items;
}

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
  true;

export async function scale(client: KubeClient, name: string, replicas: number): Promise<void> {
  await client.patch(
    deploymentKind,
    { namespace: 'default', name },
    { type: 'merge', subresource: 'scale', body: { spec: { replicas } } },
  );
}
