/**
 * The API without HTTP, for the controllers in the server's own process: no sockets, no JSON text.
 * Request bodies are cloned, answers are the stored, frozen objects themselves, and a watch hears
 * of a write in the tick of that write.
 */
import type { KubeRequest, KubeTransport } from '../kube/transport.ts';
import type { ApiHandler } from './api-handler.ts';
import type { ApiRequest } from './api-request.ts';
import { localController } from './auth/user-info.ts';
import { cloneJson } from './json-value.ts';
import type { OpenWatches } from './open-watches.ts';
import { StatusError, toCommitFailure, toStatus } from './status-error.ts';
import { plainRendering } from './table.ts';

const noQuery: Readonly<Record<string, string>> = {};

export function makeInProcessTransport(options: {
  handler: ApiHandler;
  watches: OpenWatches;
}): KubeTransport {
  const { handler, watches } = options;
  return {
    async request(request) {
      try {
        const handled = handler.handle(toApiRequest(request));
        // No tick is lost where nothing has to be waited for.
        const response = handled instanceof Promise ? await handled : handled;
        if (response.type === 'text') return { status: response.code, body: response.body };
        if (response.type !== 'json')
          throw StatusError.badRequest('use watch() or stream() for an answer that may never end');
        if (response.durable) {
          try {
            await response.durable;
          } catch (error) {
            const status = toCommitFailure(error);
            return { status: status.code, body: status };
          }
        }
        return { status: response.code, body: response.body };
      } catch (error) {
        const status = toStatus(error);
        return { status: status.code, body: status };
      }
    },

    watch: (request, onEvent) =>
      new Promise((resolve) => {
        const query = { ...request.query, watch: 'true' };
        try {
          const response = handler.handle(toApiRequest({ ...request, method: 'GET', query }));
          if (response instanceof Promise || response.type !== 'watch')
            throw StatusError.badRequest('this path cannot be watched');
          const { timeoutSeconds, open } = response;
          watches.add({
            open,
            timeoutSeconds,
            signal: request.signal,
            onEvent,
            onEnd: resolve,
          });
        } catch (error) {
          // As a server that has sent its headers already: the refusal is the stream's last event.
          onEvent({ type: 'ERROR', object: toStatus(error) });
          resolve();
        }
      }),

    async stream(request) {
      try {
        const response = await handler.handle(toApiRequest({ ...request, method: 'GET' }));
        if (response.type === 'log')
          return {
            status: 200,
            body: response.open(request.signal ?? new AbortController().signal),
          };
        const { code, body } = response.type === 'watch' ? { code: 400, body: '' } : response;
        return { status: code, body: textChunks(body) };
      } catch (error) {
        const status = toStatus(error);
        return { status: status.code, body: textChunks(status) };
      }
    },

    // The server outlives its transport's users; closing the server ends their watches.
    close: () => Promise.resolve(),
  };
}

const toApiRequest = (request: KubeRequest): ApiRequest => ({
  method: request.method,
  path: request.path,
  query: request.query ?? noQuery,
  body: cloneJson(request.body),
  contentType: request.contentType ?? 'application/json',
  user: localController,
  defaultFieldManager: undefined,
  rendering: plainRendering,
  mustBeDurable: false,
  isTrusted: true,
  parseProblems: [],
  warnings: [],
  wantsAggregatedDiscovery: false,
});

async function* textChunks(body: unknown): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  yield Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
