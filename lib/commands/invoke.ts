/**
 * `sls invoke`: calls a deployed function through the gateway. Handlers go through Lambda's Invoke
 * API; plain containers get a POST to `/`. Standard output holds the result and nothing else.
 */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { FunctionModel, ServiceModel } from '../config/service-model.ts';
import type { Target } from '../target/target.ts';
import { messageOf, UserError } from '../user-error.ts';
import type { CommandContext } from './command-context.ts';
import { functionHost } from './describe-service.ts';
import { readClientContext, readEvent } from './read-input.ts';

/** Above the longest timeout of a function (600 s) and a cold start before it. */
const INVOKE_TIMEOUT_MS = 660_000;

export async function invoke(context: CommandContext): Promise<void> {
  const fn = context.requireFunction();
  const type = context.text('type') ?? 'RequestResponse';
  if (!['RequestResponse', 'Event', 'DryRun'].includes(type))
    throw new UserError(
      `--type ${type} is unknown; use RequestResponse, Event or DryRun.`,
      'KNIT_BAD_OPTION',
    );
  const event = await readEvent(context);
  await context.withTarget(async (target) => {
    const answer =
      fn.source.type === 'handler'
        ? await invokeHandler(context, { fn, target, type, event })
        : await postToContainer(context.model, { fn, target, event });
    if (answer.log !== undefined) context.utils.log.notice(answer.log.trimEnd());
    if (answer.body !== '') context.utils.writeText(pretty(answer.body));
    if (answer.isError) process.exitCode = 1;
  });
}

interface Answer {
  readonly body: string;
  readonly isError: boolean;
  readonly log?: string;
}

interface Call {
  readonly fn: FunctionModel;
  readonly target: Target;
  readonly event: string | undefined;
}

async function invokeHandler(
  context: CommandContext,
  call: Call & { type: string },
): Promise<Answer> {
  const { fn, target, type, event } = call;
  const name = `${context.model.namespace}-${fn.name}`;
  const qualifier = context.text('qualifier');
  const clientContext = await readClientContext(context);
  const wantsLog = context.flag('log') || context.text('log') !== undefined;
  const response = await post(requireGateway(target), {
    path: `/2015-03-31/functions/${encodeURIComponent(name)}/invocations${qualifier === undefined ? '' : `?Qualifier=${encodeURIComponent(qualifier)}`}`,
    headers: {
      'content-type': 'application/json',
      'x-amz-invocation-type': type,
      ...(wantsLog ? { 'x-amz-log-type': 'Tail' } : {}),
      ...(clientContext === undefined
        ? {}
        : { 'x-amz-client-context': Buffer.from(clientContext).toString('base64') }),
    },
    body: event ?? '{}',
  });
  if (response.status === 404 && response.headers['x-amzn-errortype'] !== undefined)
    throw new UserError(
      `Function "${fn.key}" is not deployed to stage ${context.model.stage}` +
        `${qualifier === undefined ? '' : `, or has no revision "${qualifier}"`}. Deploy it with: sls deploy`,
      'KNIT_NOT_DEPLOYED',
    );
  const ownError = response.headers['knit-error'];
  if (ownError !== undefined) throw gatewayError(fn, response);
  const log = response.headers['x-amz-log-result'];
  return {
    body: response.body,
    isError: response.headers['x-amz-function-error'] !== undefined || response.status >= 400,
    ...(typeof log === 'string' ? { log: Buffer.from(log, 'base64').toString('utf8') } : {}),
  };
}

async function postToContainer(model: ServiceModel, call: Call): Promise<Answer> {
  const { fn, target, event } = call;
  const response = await post(requireGateway(target), {
    path: '/',
    headers: { host: functionHost(model, fn), 'content-type': 'application/json' },
    body: event ?? '{}',
  });
  if (response.headers['knit-error'] !== undefined) throw gatewayError(fn, response);
  return { body: response.body, isError: response.status >= 400 };
}

function requireGateway(target: Target): string {
  if (target.gateway !== undefined) return target.gateway;
  throw new UserError(
    `The ${target.description} does not say where its gateway is, so that nothing can be invoked from here.`,
    'KNIT_NO_GATEWAY',
  );
}

interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** With `node:http`, because `fetch` does not let a request choose its Host. */
function post(
  base: string,
  options: { path: string; headers: Record<string, string>; body: string },
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(base);
  const body = Buffer.from(options.body);
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      reject(
        new UserError(
          `The gateway at ${base} did not answer: ${messageOf(cause)}. Is the runtime up? Look at: npx knit status`,
          'KNIT_GATEWAY_UNREACHABLE',
          { cause },
        ),
      );
    };
    const request = httpRequest(
      {
        hostname: hostname.replace(/^\[|\]$/g, ''),
        port,
        method: 'POST',
        path: options.path,
        headers: { ...options.headers, 'content-length': body.length },
        timeout: INVOKE_TIMEOUT_MS,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', fail);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', fail);
    request.end(body);
  });
}

/** The function itself was not reached, or did not answer: the gateway's own words. */
function gatewayError(fn: FunctionModel, response: HttpAnswer): UserError {
  let message = response.body.trim();
  try {
    message = (JSON.parse(message) as { message?: string }).message ?? message;
  } catch {
    // Plain text then.
  }
  return new UserError(
    `Function "${fn.key}" could not be called: ${response.status} ${message}. Look at its log with: sls logs -f ${fn.key}`,
    'KNIT_INVOKE_FAILED',
  );
}

/** JSON is indented as AWS's command does; anything else is printed as it is. */
export function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 4);
  } catch {
    return body;
  }
}
