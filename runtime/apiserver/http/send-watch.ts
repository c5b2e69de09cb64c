/**
 * Sends a watch as its reader takes it. What waits for a slow reader is a queue of references to
 * stored objects, shared by all watches; text is made when the socket takes more.
 */
import type { ApiResponse } from '../api-response.ts';
import type { AnswerForm } from '../codec/body-codec.ts';
import type { OpenWatches } from '../open-watches.ts';
import { StatusError } from '../status-error.ts';
import type { ServerWatchEvent } from '../watch.ts';
import { isClosed, type HttpResponse } from './http-streams.ts';

/** Changes that may wait for one reader beyond the initial state; then it must watch again. */
const BACKLOG_EVENTS_MAX = 4_000;
/**
 * The least time between two writes to one reader: the first change of a burst leaves at once, the
 * others share the next write, since encrypting and sending cost more than what is sent.
 */
const WRITE_PERIOD_MS = 2;
/** Text made for one reader at a time. */
const WRITE_BYTES = 64 * 1024;

export function sendWatch(
  answer: ApiResponse & { type: 'watch' },
  response: HttpResponse,
  options: { readonly watches: OpenWatches; readonly form: AnswerForm },
): void {
  const { watches, form } = options;
  response.setHeader('Content-Type', form.watchType);
  const queue = new WatchQueue(response, form);
  let end: () => void;
  try {
    end = watches.add({
      open: answer.open,
      timeoutSeconds: answer.timeoutSeconds,
      signal: undefined,
      onEvent: (event) => queue.add(event),
      onEnd: () => queue.end(),
    });
  } catch (error) {
    // As upstream: a version that is gone is told inside a stream that did start.
    if (!(error instanceof StatusError) || error.status.code !== 410) throw error;
    queue.add({ type: 'ERROR', object: error.status });
    queue.end();
    return;
  }
  queue.endInitial();
  response.flushHeaders();
  response.on('close', end);
}

class WatchQueue {
  private readonly response: HttpResponse;
  private readonly form: AnswerForm;
  private events: ServerWatchEvent[] = [];
  private sent = 0;
  private initialCount = 0;
  private isInitial = true;
  private isOver = false;
  private isScheduled = false;
  private isFull = false;
  private writtenAtMs = 0;

  constructor(response: HttpResponse, form: AnswerForm) {
    this.response = response;
    this.form = form;
    response.on('drain', () => {
      this.isFull = false;
      this.flush();
    });
  }

  add(event: ServerWatchEvent): void {
    if (this.isOver) return;
    this.events.push(event);
    if (this.isInitial) this.initialCount++;
    else if (this.events.length - this.sent > this.initialCount + BACKLOG_EVENTS_MAX) {
      this.drop();
      return;
    }
    this.schedule();
  }

  endInitial(): void {
    this.isInitial = false;
  }

  /** What waits is still sent. */
  end(): void {
    this.isOver = true;
    this.schedule();
  }

  /** After the tick, so that the changes of one tick are one write. */
  private schedule(): void {
    if (this.isScheduled || this.isFull) return;
    this.isScheduled = true;
    const flush = (): void => {
      this.isScheduled = false;
      this.flush();
    };
    if (performance.now() - this.writtenAtMs < WRITE_PERIOD_MS) setTimeout(flush, WRITE_PERIOD_MS);
    else setImmediate(flush);
  }

  private flush(): void {
    if (isClosed(this.response)) {
      this.events = [];
      return;
    }
    this.writtenAtMs = performance.now();
    while (this.sent < this.events.length && !this.isFull)
      this.isFull = !this.response.write(this.nextChunk());
    if (this.sent < this.events.length) return;
    this.events = [];
    this.sent = 0;
    this.initialCount = 0;
    if (this.isOver) this.response.end();
  }

  private nextChunk(): Buffer {
    const parts: Buffer[] = [];
    let bytes = 0;
    while (this.sent < this.events.length && bytes < WRITE_BYTES) {
      const event = this.events[this.sent++];
      if (!event) break;
      const part = this.form.encodeEvent(event);
      bytes += part.length;
      parts.push(part);
    }
    // One event is sent as it is: the same bytes to all who wait for it.
    const [only] = parts;
    return parts.length === 1 && only ? only : Buffer.concat(parts, bytes);
  }

  private drop(): void {
    this.isOver = true;
    this.events = [];
    this.sent = 0;
    this.response.destroy();
  }
}
