/**
 * `sls logs`: what the pods of a function (or of all functions) printed. Pods come and go with the
 * load, so that those which are gone are read first, as far as the cluster keeps their output, and
 * `--tail` follows those that appear later, too.
 */
import { podKind, type Pod } from '../../runtime/apis/core/types.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import type { FunctionModel } from '../config/service-model.ts';
import { mapBounded } from '../deploy/map-bounded.ts';
import { listReleases } from '../deploy/release-record.ts';
import { logSourceOf, readLatestLog, readPodLog, readRemovedLog } from '../deploy/pod-log.ts';
import { listRemovedPods } from '../deploy/removed-pods.ts';
import { TailPlan, type TailStep } from '../deploy/tail-plan.ts';
import type { Target } from '../target/target.ts';
import { UserError } from '../user-error.ts';
import type { CommandContext } from './command-context.ts';
import { notDeployed } from './info.ts';

const serviceOfPod = 'serving.knative.dev/service';
/** Logs of removed pods that are fetched at once, and held until those before them are printed. */
const REMOVED_AT_ONCE = 8;

interface LogRequest {
  readonly functions: readonly FunctionModel[];
  readonly sinceSeconds: number | undefined;
  readonly filter: string | undefined;
  /** Lines carry the function's key when more than one function is shown. */
  readonly isPrefixed: boolean;
}

export async function logs(context: CommandContext): Promise<void> {
  const { model } = context;
  const functions =
    context.text('function') === undefined ? model.functions : [context.requireFunction()];
  const request: LogRequest = {
    functions,
    sinceSeconds: parseStartTime(context.text('startTime'), Date.now()),
    filter: context.text('filter'),
    isPrefixed: functions.length > 1,
  };
  await context.withTarget((target) =>
    context.flag('tail') ? follow(context, target, request) : printOnce(context, target, request),
  );
}

async function printOnce(
  context: CommandContext,
  target: Target,
  request: LogRequest,
): Promise<void> {
  const { items } = await target.client.list(podKind, { namespace: context.model.namespace });
  const pods = items
    .filter((pod) => keyOfPod(pod, request.functions) !== undefined)
    .sort((a, b) =>
      (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''),
    );
  const hasOutput = await printRemoved(context, target, request, items);
  if (pods.length === 0 && !hasOutput) await explainSilence(context, target, request);
  for (const pod of pods) await printPod(context, target, { pod, request, how: 'latest' });
}

/** What pods that are gone have printed, the oldest first. Whether any of it was still there. */
async function printRemoved(
  context: CommandContext,
  target: Target,
  request: LogRequest,
  present: readonly Pod[],
): Promise<boolean> {
  const { functions, sinceSeconds } = request;
  const removed = await listRemovedPods(target.client, context.model.namespace, {
    services: functions.map(({ name }) => name),
    presentUids: new Set(present.map(({ metadata }) => metadata.uid ?? '')),
  });
  const options = sinceSeconds === undefined ? {} : { sinceSeconds };
  let hasOutput = false;
  for (let first = 0; first < removed.length; first += REMOVED_AT_ONCE) {
    const batch = removed.slice(first, first + REMOVED_AT_ONCE);
    const texts = await mapBounded(batch, REMOVED_AT_ONCE, (pod) =>
      readRemovedLog(target.client, pod, options),
    );
    for (const [index, text] of texts.entries()) {
      if (text === '') continue;
      hasOutput = true;
      const print = makePrinter(context, request, batch[index]?.service);
      for (const line of text.replace(/\n$/, '').split('\n')) print(line);
    }
  }
  return hasOutput;
}

/** No pods: at zero, whose output went with the instances, or never deployed. @throws {UserError} */
async function explainSilence(
  context: CommandContext,
  target: Target,
  { functions }: LogRequest,
): Promise<void> {
  const [last] = await listReleases(target.client, context.model);
  if (!last) throw notDeployed(context.model);
  const [only] = functions.length === 1 ? functions : [];
  if (only && !last.model.functions.some(({ key }) => key === only.key))
    throw new UserError(
      `Function "${only.key}" is not deployed yet. Deploy it with: sls deploy`,
      'KNIT_NOT_DEPLOYED',
    );
  const who = only ? `Function "${only.key}" has` : 'The functions have';
  const option = only ? ` -f ${only.key}` : '';
  context.utils.log.notice(
    `${who} scaled to zero: no instance runs, and the output of earlier ones went with them. ` +
      `Follow what comes with: sls logs${option} --tail`,
  );
}

/** Until it is interrupted. */
async function follow(context: CommandContext, target: Target, request: LogRequest): Promise<void> {
  context.utils.log.notice(
    'Following the output, of instances that start later, too; end with Ctrl-C',
  );
  const abort = new AbortController();
  const informers = new InformerFactory({
    client: target.client,
    clock: systemClock,
    random: Math.random,
    logger: silentLogger,
  });
  const { signal } = abort;
  const tail = new TailPlan();
  informers
    .informer(podKind, { namespace: context.model.namespace })
    .onChange(({ type, object }) => {
      if (keyOfPod(object, request.functions) === undefined) return;
      for (const step of tail.next(type, object)) {
        const read = (): Promise<void> =>
          printPod(context, target, { pod: object, request, how: step, signal });
        // What could not be read is lost: the pod has gone with its log, as on most clusters.
        void read()
          .catch(() => undefined)
          .finally(() => tail.end(step));
      }
    });
  informers.start(abort.signal);
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => undefined, 60_000);
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        clearInterval(keepAlive);
        resolve();
      });
  });
  abort.abort();
}

async function printPod(
  context: CommandContext,
  target: Target,
  what: { pod: Pod; request: LogRequest; how: TailStep | 'latest'; signal?: AbortSignal },
): Promise<void> {
  const { pod, request, how, signal } = what;
  const print = makePrinter(context, request, pod.metadata.labels?.[serviceOfPod]);
  let rest = '';
  const options = {
    ...(request.sinceSeconds === undefined ? {} : { sinceSeconds: request.sinceSeconds }),
    ...(signal ? { signal } : {}),
  };
  const chunks =
    how === 'latest'
      ? readLatestLog(target.client, pod, options)
      : readPodLog(target.client, logSourceOf(pod), {
          ...options,
          follow: how === 'follow',
          previous: how === 'previous',
        });
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) print(line);
  }
  if (rest !== '') print(rest);
}

function makePrinter(
  context: CommandContext,
  { functions, filter, isPrefixed }: LogRequest,
  service: string | undefined,
): (line: string) => void {
  const key = functions.find(({ name }) => name === service)?.key;
  const prefix = isPrefixed ? `[${key}] ` : '';
  return (line) => {
    if (filter === undefined || line.includes(filter)) context.utils.writeText(prefix + line);
  };
}

function keyOfPod(pod: Pod, functions: readonly FunctionModel[]): string | undefined {
  const name = pod.metadata.labels?.[serviceOfPod];
  return functions.find((fn) => fn.name === name)?.key;
}

const SECONDS_PER = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** `10m`, `2h`, `1d`, ms since the epoch or a date; seconds back from now. @throws {UserError} */
export function parseStartTime(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const relative = /^(\d+)([smhd])$/.exec(value);
  if (relative) return Number(relative[1]) * SECONDS_PER[relative[2] as keyof typeof SECONDS_PER];
  const time = /^\d{12,}$/.test(value) ? Number(value) : Date.parse(value);
  if (Number.isNaN(time))
    throw new UserError(
      `--startTime ${value} is not a time; use 10m, 2h, 1d, or a date such as 2026-01-31T08:00:00Z.`,
      'KNIT_BAD_OPTION',
    );
  return Math.max(1, Math.ceil((nowMs - time) / 1000));
}
