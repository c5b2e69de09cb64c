/**
 * What many routes cost the gateway: resident memory with 10,000 services, and the time from the news
 * of one changed Ingress to the table that has it, with 10,000 and with 100. The gateway is a process
 * of its own, fed with objects as serving writes them.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure } from './support/figure.ts';
import { percentile } from './support/figure.ts';
import type { RoutesReport } from './support/gateway-routes-process.ts';

const ROUTES = 10_000;
const FEW_ROUTES = 100;
const MEMORY_GOAL_MIB = 200;
const CHANGE_GOAL_MS = 5;

export async function run(_options: { json: boolean }): Promise<Figure[]> {
  const few = await measure(FEW_ROUTES);
  const many = await measure(ROUTES);
  const p95 = percentile(many.changeMs, 0.95);
  const fewP95 = percentile(few.changeMs, 0.95);
  return [
    {
      figure: `gateway resident memory, ${ROUTES} routes`,
      value: many.residentMib,
      unit: 'MiB',
      comparison: { name: `with ${FEW_ROUTES}`, value: few.residentMib },
      ratio: many.residentMib / few.residentMib,
      goal: `under ${MEMORY_GOAL_MIB} MiB`,
      met: many.residentMib < MEMORY_GOAL_MIB,
      runs: 1,
    },
    {
      figure: `one Ingress changed to the table that has it, ${ROUTES} routes, 95th percentile`,
      value: p95,
      unit: 'ms',
      comparison: { name: `with ${FEW_ROUTES}`, value: fewP95 },
      ratio: p95 / fewP95,
      goal: `under ${CHANGE_GOAL_MS} ms`,
      met: p95 < CHANGE_GOAL_MS,
      runs: many.changeMs.length,
    },
  ];
}

async function measure(routes: number): Promise<RoutesReport> {
  const file = fileURLToPath(
    new URL(`./support/gateway-routes-process${extname(import.meta.url)}`, import.meta.url),
  );
  const child: ChildProcess = fork(file, [String(routes)]);
  try {
    return await new Promise<RoutesReport>((resolve, reject) => {
      child.once('message', (message) => resolve(message as RoutesReport));
      child.once('exit', (code) => reject(new Error(`gateway exited with ${code ?? 'a signal'}`)));
    });
  } finally {
    child.removeAllListeners('exit');
    child.kill();
  }
}
