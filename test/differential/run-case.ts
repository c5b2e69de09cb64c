/**
 * Plays a case against one API server, over HTTPS as any client does, and returns the normalised
 * transcript. Every case has a namespace of its own, whose name follows from the case's name, so that
 * transcripts of different servers can be compared as they are.
 */
import { createHash } from 'node:crypto';
import { Agent, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Answer, Case, Step, Variables } from './case.ts';
import { Normaliser } from './normalise.ts';
import { readWireBody, readWireEvent } from './wire-tree.ts';

export interface ApiUnderTest {
  readonly url: string;
  readonly ca: string;
  /** Of an administrator who may impersonate. */
  readonly token: string;
}

/** One compared answer. */
export interface TranscriptEntry {
  readonly request: string;
  readonly status: number;
  readonly contentType: string;
  readonly warnings?: readonly string[];
  readonly retryAfter?: string;
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body: unknown;
}

export type Transcript = readonly TranscriptEntry[];

const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
/** For whatever has no other end: a loaded machine gets this long. */
const STEP_TIMEOUT_MS = 30_000;
const UNTIL_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

const agents = new Map<string, Agent>();

export const namespaceOf = (name: string): string =>
  `case-${createHash('sha256').update(name).digest('hex').slice(0, 10)}`;

/** @throws when the server cannot be reached; every answer of a server belongs to the transcript. */
export async function runCase(api: ApiUnderTest, given: Case): Promise<Transcript> {
  const ns = namespaceOf(given.name);
  const variables: Variables = { ns, id: ns };
  const entries: TranscriptEntry[] = [];
  const normaliser = new Normaliser();
  const background = new Map<string, { answer: Promise<Answer>; step: Step }>();
  await send(api, post('/api/v1/namespaces', { metadata: { name: ns } }), variables);
  await send(api, defaultServiceAccount(ns), variables);
  for (const step of given.steps) {
    if (step.background !== undefined) {
      let onOpen = (): void => {};
      const opened = new Promise<void>((resolve) => (onOpen = resolve));
      const answer = send(api, step, variables, onOpen);
      background.set(step.background, { answer, step });
      await Promise.race([opened, answer]);
      continue;
    }
    const from = step.collect === undefined ? undefined : background.get(step.collect);
    const answer = from ? await from.answer : await sendUntil(api, step, variables);
    if (step.save !== undefined) variables[step.save] = answer.body;
    normaliser.learnRequest(step.body);
    normaliser.learn(answer.body);
    if (step.isSilent) continue;
    const sent = from?.step ?? step;
    entries.push(
      normaliser.normalise(`${sent.method} ${sent.path}`, answer, {
        only: step.only,
        view: step.view && ((body) => step.view?.(body, variables)),
        withHeaders: step.withHeaders ?? [],
        withManagedFields: step.withManagedFields ?? false,
      }),
    );
  }
  // Streams that nobody collects must not outlive the case.
  for (const { answer } of background.values()) void answer.catch(() => {});
  return entries;
}

const post = (path: string, body: unknown): Step => ({ method: 'POST', path, body });

/** Pods are refused before it exists; a controller makes it too, later or sooner. */
const defaultServiceAccount = (ns: string): Step =>
  post(`/api/v1/namespaces/${ns}/serviceaccounts`, { metadata: { name: 'default' } });

async function sendUntil(api: ApiUnderTest, step: Step, variables: Variables): Promise<Answer> {
  const deadline = Date.now() + UNTIL_TIMEOUT_MS;
  for (;;) {
    const answer = await send(api, step, variables);
    if (!step.until || step.until(answer) || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** @param onOpen called when the head of a stream has come. */
function send(
  api: ApiUnderTest,
  step: Step,
  variables: Variables,
  onOpen?: () => void,
): Promise<Answer> {
  const agent = agents.get(api.url) ?? new Agent({ ca: api.ca, keepAlive: true });
  agents.set(api.url, agent);
  const body = encodeBody(step, variables);
  const headers: Record<string, string | string[]> = {
    Authorization: `Bearer ${api.token}`,
    'User-Agent': 'differential/1.0',
    Accept: step.accept ?? 'application/json',
    ...(body === undefined
      ? {}
      : {
          'Content-Type': step.contentType ?? 'application/json',
          'Content-Length': String(body.length),
        }),
    ...(step.as
      ? {
          'Impersonate-User': fill(step.as.user, variables),
          ...(step.as.groups ? { 'Impersonate-Group': [...step.as.groups] } : {}),
        }
      : {}),
    ...Object.fromEntries(
      Object.entries(step.headers ?? {}).map(([name, value]) => [name, fill(value, variables)]),
    ),
  };
  return new Promise((resolve, reject) => {
    const call = request(
      `${api.url}${fill(step.path, variables)}`,
      { method: step.method, agent, headers, timeout: STEP_TIMEOUT_MS },
      (response) => {
        onOpen?.();
        readAnswer(response, step).then(resolve, reject);
      },
    );
    call.on('timeout', () => call.destroy(new Error(`no answer to ${step.method} ${step.path}`)));
    call.on('error', reject);
    call.end(body);
  });
}

function encodeBody({ body }: Step, variables: Variables): Buffer | undefined {
  const value: unknown = typeof body === 'function' ? body(variables) : body;
  if (value === undefined) return undefined;
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (typeof value === 'string') return Buffer.from(fill(value, variables));
  return Buffer.from(fill(JSON.stringify(value), variables));
}

/** Fills in `{variable}` and `{variable.path.0}`; braces around anything else stay. */
const fill = (text: string, variables: Variables): string =>
  text.replace(/\{(\w+(?:\.[\w-]+)*)\}/g, (whole, path: string) => {
    const keys = path.split('.');
    if (!Object.hasOwn(variables, keys[0] ?? '')) return whole;
    const value = keys.reduce((at: any, key) => at?.[key], variables);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });

async function readAnswer(response: IncomingMessage, step: Step): Promise<Answer> {
  const { statusCode: status = 0, headers, rawHeaders } = response;
  const warnings = rawHeaders.filter(
    (_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'warning',
  );
  const contentType = headers['content-type'] ?? '';
  const parse = (line: string): unknown => {
    try {
      return JSON.parse(line);
    } catch {
      return line;
    }
  };
  const body = await readBody();
  return {
    status,
    contentType,
    warnings,
    retryAfter: headers['retry-after'],
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value?.toString()]),
    ),
    body,
  };

  async function readBody(): Promise<unknown> {
    const isProtobuf = contentType.startsWith(PROTOBUF_TYPE);
    if (step.events === undefined || status !== 200) {
      const bytes = await readAll(response);
      return isProtobuf ? readWireBody(bytes) : parse(bytes.toString('utf8'));
    }
    if (isProtobuf) {
      const bytes = await readUntil(response, (all) => framesOf(all).length >= (step.events ?? 0));
      return framesOf(bytes).map(readWireEvent);
    }
    const bytes = await readUntil(response, (all) => linesOf(all).length >= (step.events ?? 0));
    return linesOf(bytes).map(parse);
  }
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Whole lines; what comes after the last one is not whole. */
const linesOf = (bytes: Buffer): string[] => bytes.toString('utf8').split('\n').slice(0, -1);

/** Whole frames: each has its length in four bytes before it. */
function framesOf(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    frames.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return frames;
}

/** Reads until it is enough, the stream ends, or nothing has come for long. */
function readUntil(response: IncomingMessage, isEnough: (all: Buffer) => boolean): Promise<Buffer> {
  return new Promise((resolve) => {
    let all = Buffer.alloc(0);
    const finish = (): void => {
      clearTimeout(timer);
      response.destroy();
      resolve(all);
    };
    const timer = setTimeout(finish, STEP_TIMEOUT_MS);
    response.on('data', (chunk: Buffer) => {
      all = Buffer.concat([all, chunk]);
      if (isEnough(all)) finish();
    });
    response.on('end', finish);
    response.on('error', finish);
  });
}
