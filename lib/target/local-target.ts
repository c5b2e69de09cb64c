/** The local runtime: credentials from its kubeconfig, addresses from its `run/status.json`. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { KubeClient } from '../../runtime/kube/client.ts';
import { makeHttpTransport } from '../../runtime/kube/http-transport.ts';
import { UserError } from '../user-error.ts';
import type { Target } from './target.ts';

/** `$KNIT_HOME`, else `~/.knit`. */
export const knitHome = (env: NodeJS.ProcessEnv): string =>
  path.resolve(env['KNIT_HOME'] ?? path.join(homedir(), '.knit'));

/** @throws {UserError} when the runtime is not running. */
export async function connectLocal(env: NodeJS.ProcessEnv): Promise<Target> {
  const home = knitHome(env);
  const [kubeconfigText, statusText] = await Promise.all([
    readFile(path.join(home, 'kubeconfig'), 'utf8').catch(() => undefined),
    readFile(path.join(home, 'run', 'status.json'), 'utf8').catch(() => undefined),
  ]);
  if (kubeconfigText === undefined || statusText === undefined) throw notRunning(home);
  const access = readKubeconfig(kubeconfigText, path.join(home, 'kubeconfig'));
  const status = JSON.parse(statusText) as { gateway?: string | null; broker?: string | null };
  const transport = makeHttpTransport(access);
  return {
    client: new KubeClient(transport),
    ...(status.gateway ? { gateway: status.gateway } : {}),
    ...(status.broker ? { broker: status.broker } : {}),
    description: `local runtime at ${home}`,
    close: () => transport.close(),
  };
}

/** Thrown where the files are missing, and where they are there and nobody answers. */
export const notRunning = (home: string, cause?: unknown): UserError =>
  new UserError(
    `The local runtime at ${home} is not running. Start it with: npx knit up`,
    'KNIT_NOT_RUNNING',
    { cause },
  );

interface Kubeconfig {
  'current-context'?: string;
  contexts?: { name: string; context: { cluster: string; user: string } }[];
  clusters?: {
    name: string;
    cluster: { server: string; 'certificate-authority-data'?: string };
  }[];
  users?: { name: string; user: { token?: string } }[];
}

/** Reads what the runtime wrote: one server, its CA, a token. @throws {UserError} when it is damaged. */
export function readKubeconfig(
  text: string,
  file: string,
): { server: string; ca?: string; token?: string } {
  const config = (parse(text) ?? {}) as Kubeconfig;
  const context = config.contexts?.find(({ name }) => name === config['current-context']);
  const cluster = config.clusters?.find(({ name }) => name === context?.context.cluster)?.cluster;
  const user = config.users?.find(({ name }) => name === context?.context.user)?.user;
  if (!cluster?.server)
    throw new UserError(
      `${file} has no server for its current context. Restart the runtime: npx knit down && npx knit up`,
      'KNIT_BAD_KUBECONFIG',
    );
  const ca = cluster['certificate-authority-data'];
  return {
    server: cluster.server,
    ...(ca === undefined ? {} : { ca: Buffer.from(ca, 'base64').toString('utf8') }),
    ...(user?.token === undefined ? {} : { token: user.token }),
  };
}
