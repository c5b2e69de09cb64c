/** Where the build room keeps what under the home. One place, so that cleaning up finds everything. */
import { join } from 'node:path';

export interface BuildPaths {
  /** Files of running attempts: scripts, results, temporary workspaces. Wiped at start. */
  readonly runs: string;
  /** buildah's own temporary files. Wiped at start. */
  readonly temporary: string;
  /** Process groups of running steps, so that a successor can end what a killed one left. */
  readonly processes: string;
  /** Generated configuration of buildah; also its HOME. */
  readonly config: string;
  /** What was fetched from package registries. Kept. */
  readonly cache: string;
  /** Output of steps: `<namespace>/<taskrun>-<step>.log`. */
  readonly logs: string;
}

export function makeBuildPaths(home: string): BuildPaths {
  const build = join(home, 'build');
  return {
    runs: join(build, 'runs'),
    temporary: join(build, 'tmp'),
    processes: join(build, 'processes'),
    config: join(build, 'config'),
    cache: join(home, 'cache'),
    logs: join(home, 'logs', 'builds'),
  };
}
