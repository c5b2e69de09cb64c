/** `knit down`: stops everything that `up` started, also what a killed runtime left behind. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { cleanupAgent } from '../../agent/cleanup-agent.ts';
import { foregroundClock } from '../../std/clock.ts';
import { bridgeOf } from '../local-names.ts';
import type { Command } from '../command.ts';
import { makeLogger } from '../logger.ts';
import { askSupervisor } from '../supervisor/control-socket.ts';

export const downCommand: Command = {
  summary: 'stop the local runtime and every function',
  help: `Usage: knit down [--purge]

Stops everything that knit up started, containers included. What was deployed is there again after
the next knit up.

  --home DIR    which runtime (default $KNIT_HOME, else ~/.knit)
  --purge       remove the home too: deployments, images, events, logs
`,
  options: { purge: { type: 'boolean' } },
  async run({ home, values }) {
    const wasRunning = await askSupervisor(home.supervisorSocket, { type: 'shutdown' });
    const logger = makeLogger('knit-down', { KNIT_LOG_LEVEL: 'error', ...process.env });
    await cleanupAgent({
      home: home.root,
      bridge: bridgeOf(home.root),
      clock: foregroundClock,
      logger,
    });
    rmSync(home.statusFile, { force: true });
    rmSync(home.supervisorSocket, { force: true });
    unmountBelow(home.root);
    if (values['purge']) rmSync(home.root, { recursive: true, force: true });
    process.stderr.write(
      (wasRunning ? 'knit is down\n' : 'knit was not running\n') +
        (values['purge'] ? `removed ${home.root}\n` : ''),
    );
    return 0;
  },
};

/** A build that was killed may have left its working container mounted, and a mount point cannot be removed. */
function unmountBelow(folder: string): void {
  for (const path of mountPoints()
    .filter((one) => one.startsWith(`${folder}/`))
    .toReversed())
    spawnSync('umount', ['--lazy', path]);
}

/** In the order in which they were mounted; none where there is no /proc. */
function mountPoints(): string[] {
  try {
    const unescape = (text: string): string =>
      text.replace(/\\([0-7]{3})/g, (_match, code: string) =>
        String.fromCharCode(parseInt(code, 8)),
      );
    return readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => unescape(line.split(' ')[1] ?? ''));
  } catch {
    return [];
  }
}
