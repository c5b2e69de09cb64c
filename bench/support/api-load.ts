/**
 * The clients of the API server's benchmark: plain HTTP/1.1 over TLS, one connection per client, as
 * little work of their own as can be. Both servers get the same bytes.
 */
import { Pool, type Dispatcher } from 'undici';

export interface ApiEndpoint {
  readonly url: string;
  readonly ca: string;
  readonly token: string;
}

export interface Load {
  /** Milliseconds of each request. */
  readonly latencies: readonly number[];
  readonly seconds: number;
}

/** Requests that a watcher may be behind before the benchmark is given up. */
const PATIENCE_MS = 60_000;

export class ApiClients {
  private readonly pool: Pool;
  private readonly headers: Record<string, string>;

  constructor({ url, ca, token }: ApiEndpoint, connections: number) {
    this.pool = new Pool(url, { connections, pipelining: 1, connect: { ca } });
    this.headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  }

  /** @throws for any answer but 2xx. */
  async send(method: Dispatcher.HttpMethod, path: string, body?: string): Promise<Buffer> {
    const { headers } = this;
    const answer = await this.pool.request({ method, path, headers, body: body ?? null });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    if (answer.statusCode >= 300)
      throw new Error(`${method} ${path}: ${answer.statusCode} ${bytes.toString().slice(0, 300)}`);
    return bytes;
  }

  /** Runs `count` requests, `writers` at a time, each client's next when its last is answered. */
  async run(
    writers: number,
    count: number,
    request: (index: number) => Promise<unknown>,
  ): Promise<Load> {
    const latencies: number[] = [];
    const startedAt = performance.now();
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < count) {
        const index = next++;
        const sentAt = performance.now();
        await request(index);
        latencies.push(performance.now() - sentAt);
      }
    };
    await Promise.all(Array.from({ length: writers }, work));
    return { latencies, seconds: (performance.now() - startedAt) / 1_000 };
  }

  /** A watch that calls back for each of its events; resolves once its headers are there. */
  async watch(path: string, onEvents: (count: number) => void): Promise<() => void> {
    const stop = new AbortController();
    const { headers } = this;
    const { body, statusCode } = await this.pool.request({
      method: 'GET',
      path,
      headers,
      signal: stop.signal,
      bodyTimeout: 0,
    });
    if (statusCode !== 200) throw new Error(`GET ${path}: ${statusCode}`);
    body.on('error', () => {});
    body.on('data', (chunk: Buffer) => {
      let lines = 0;
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      if (lines > 0) onEvents(lines);
    });
    return () => stop.abort();
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}

/** Resolves when `isDone`; it is asked again on every call of the function that is returned. */
export function makeGate(isDone: () => boolean): { check: () => void; opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error('the watchers did not get their events')),
      PATIENCE_MS,
    );
    open = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  return {
    check: () => {
      if (isDone()) open();
    },
    opened,
  };
}
