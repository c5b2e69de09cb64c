/** Sends a log as its reader takes it. */
import { drained } from '../../std/drained.ts';
import type { ApiResponse } from '../api-response.ts';
import { isClosed, type HttpResponse } from './http-streams.ts';

/** When the head of a log is sent at the latest, with or without a first line. */
const LOG_BEGINS_MS = 1_000;

/** @throws what the reader throws before its first bytes, so that a refusal is an answer of its own. */
export async function sendLog(
  answer: ApiResponse & { type: 'log' },
  response: HttpResponse,
): Promise<void> {
  const reader = new AbortController();
  response.on('close', () => reader.abort());
  response.setHeader('Content-Type', 'text/plain');
  // A refusal comes before the first bytes. A container that has nothing to say may take hours for
  // those, and clients give up an answer that does not begin.
  const timer = setTimeout(() => response.flushHeaders(), LOG_BEGINS_MS);
  try {
    for await (const chunk of answer.open(reader.signal)) {
      if (isClosed(response)) return;
      if (!response.write(chunk) && !isClosed(response)) await drained(response);
    }
  } finally {
    clearTimeout(timer);
  }
  response.end();
}
