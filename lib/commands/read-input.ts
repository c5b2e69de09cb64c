/** The event and the client context of an invocation, from options, a file or standard input. */
import { fstatSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../user-error.ts';
import type { CommandContext } from './command-context.ts';

/** Lambda's limit for a synchronous event. */
const INPUT_BYTES_MAX = 6 * 1024 * 1024;

/**
 * `--data`, else `--path`, else what is piped in; undefined when there is none. JSON unless `--raw`;
 * text that is not JSON is taken as a JSON string.
 */
export async function readEvent(context: CommandContext): Promise<string | undefined> {
  const text = await readText(context, { data: 'data', path: 'path', takesStdin: true });
  return text === undefined ? undefined : toJson(text, context.flag('raw'));
}

/** `--context` or `--contextPath`: becomes the invocation's client context. */
export async function readClientContext(context: CommandContext): Promise<string | undefined> {
  const text = await readText(context, { data: 'context', path: 'contextPath', takesStdin: false });
  return text === undefined ? undefined : toJson(text, false);
}

async function readText(
  context: CommandContext,
  from: { data: string; path: string; takesStdin: boolean },
): Promise<string | undefined> {
  const data = context.text(from.data);
  if (data !== undefined) return data;
  const file = context.text(from.path);
  if (file !== undefined) {
    const absolute = path.resolve(context.serviceDir, file);
    const content = await readFile(absolute, 'utf8').catch((cause: unknown) => {
      throw new UserError(
        `The file ${absolute} of --${from.path} cannot be read: ${(cause as Error).message}`,
        'KNIT_INPUT_UNREADABLE',
        { cause },
      );
    });
    return limited(content);
  }
  return from.takesStdin ? readPipe() : undefined;
}

/** Only what is piped or redirected; a terminal or a closed input has nothing to say. */
async function readPipe(): Promise<string | undefined> {
  try {
    const input = fstatSync(0);
    // A character device (/dev/null), a socket or a terminal is not data that somebody passed.
    if (!input.isFIFO() && !input.isFile()) return undefined;
  } catch {
    return undefined;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > INPUT_BYTES_MAX) break;
  }
  const text = limited(Buffer.concat(chunks).toString('utf8'));
  return text.trim() === '' ? undefined : text;
}

function limited(text: string): string {
  if (Buffer.byteLength(text) <= INPUT_BYTES_MAX) return text;
  throw new UserError(
    `The event is larger than ${INPUT_BYTES_MAX / 1024 / 1024} MiB, which is the limit of an invocation.`,
    'KNIT_INPUT_TOO_LARGE',
  );
}

function toJson(text: string, isRaw: boolean): string {
  if (isRaw) return JSON.stringify(text);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
