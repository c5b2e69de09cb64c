/** Where everything of a local runtime lives. Pure: paths only. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Home {
  readonly root: string;
  readonly kubeconfig: string;
  readonly pki: string;
  /** The API server's store. */
  readonly data: string;
  /** The broker's log. */
  readonly events: string;
  /** buildah's image store. */
  readonly containers: string;
  /** The process driver's image store. */
  readonly bundles: string;
  readonly logs: string;
  readonly run: string;
  readonly statusFile: string;
  readonly portsFile: string;
  /** Answers `status` and `shutdown`; held by the supervisor for as long as it lives. */
  readonly supervisorSocket: string;
  readonly apiSocket: string;
  readonly autoscalerSocket: string;
}

/** `--home`, else `$KNIT_HOME`, else `~/.knit`. */
export function homeOf(option: string | undefined, env: NodeJS.ProcessEnv): Home {
  const root = resolve(option ?? env['KNIT_HOME'] ?? join(homedir(), '.knit'));
  const run = join(root, 'run');
  return {
    root,
    kubeconfig: join(root, 'kubeconfig'),
    pki: join(root, 'pki'),
    data: join(root, 'data'),
    events: join(root, 'events'),
    containers: join(root, 'containers'),
    bundles: join(root, 'bundles'),
    logs: join(root, 'logs'),
    run,
    statusFile: join(run, 'status.json'),
    portsFile: join(run, 'ports.json'),
    supervisorSocket: join(run, 'supervisor.sock'),
    apiSocket: join(run, 'api.sock'),
    autoscalerSocket: join(run, 'autoscaler.sock'),
  };
}

/** Unix socket paths are limited to 107 bytes on Linux and 103 on macOS. */
export const SOCKET_PATH_BYTES_MAX = 103;
