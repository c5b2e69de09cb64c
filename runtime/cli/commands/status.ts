/** `knit status`: what runs, where, and how much memory it takes. */
import type { Home } from '../home.ts';
import type { Command } from '../command.ts';
import type { RuntimeStatus } from '../runtime-status.ts';
import { askSupervisor } from '../supervisor/control-socket.ts';
import { packageVersion } from '../version.ts';

/** Of `knit status` when nothing runs, so that scripts can tell. */
const NOT_RUNNING_EXIT_CODE = 3;

export const statusCommand: Command = {
  summary: 'show whether the runtime runs, and where',
  help: `Usage: knit status [--json]

Exit code 0 when the runtime runs, 3 when it does not.
`,
  options: { json: { type: 'boolean' } },
  async run({ home, values }) {
    const status = await runtimeStatus(home);
    if (values['json']) process.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
    else process.stdout.write(describe(status));
    return status.running ? 0 : NOT_RUNNING_EXIT_CODE;
  },
};

/** The running supervisor's answer, or the same shape with `running: false`. */
export async function runtimeStatus(home: Home): Promise<RuntimeStatus> {
  const answer = await askSupervisor(home.supervisorSocket, { type: 'status' });
  if (answer) return answer as RuntimeStatus;
  return {
    running: false,
    version: packageVersion(),
    home: home.root,
    kubeconfig: home.kubeconfig,
    api: null,
    gateway: null,
    gatewayTls: null,
    broker: null,
    dashboard: null,
    driver: null,
    processes: [],
    uptimeSeconds: 0,
  };
}

function describe(status: RuntimeStatus): string {
  if (!status.running) return `knit is not running (home ${status.home}); start it with: knit up\n`;
  const processes = status.processes
    .map(
      ({ name, pid, rssBytes }) =>
        `  ${name.padEnd(12)}pid ${pid}, ${(rssBytes / 1048576).toFixed(0)} MiB\n`,
    )
    .join('');
  return (
    `knit ${status.version} is running for ${status.uptimeSeconds} s\n` +
    `  gateway     ${status.gateway}\n  API         ${status.api}\n  broker      ${status.broker}\n` +
    `  driver      ${status.driver}\n  home        ${status.home}\n${processes}`
  );
}
