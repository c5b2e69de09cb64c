/**
 * Plain HTTP handlers: `(req, res)` as node:http calls them, an Express-like app or http.Server, and
 * with one parameter a fetch handler `(Request) => Response`. The handler sees the request untouched.
 */
import { isHttpApp } from '../detect-style.mjs';
import { RuntimeError, describeError } from '../runtime-error.mjs';
import { answerFetch, makeFetchRequest } from '../fetch-bridge.mjs';

export function makeAdapter({ handler }, config) {
  const listen = makeListener(handler, config);
  return {
    async onRawRequest(req, res) {
      try {
        await listen(req, res);
      } catch (error) {
        console.error(error);
        if (res.headersSent) res.destroy();
        else
          res
            .writeHead(500, { 'content-type': 'application/json' })
            .end(JSON.stringify(describeError(error)));
      }
    },
  };
}

function makeListener(handler, config) {
  if (isHttpApp(handler))
    return typeof handler === 'function'
      ? handler
      : (req, res) => handler.emit('request', req, res);
  const fetchHandler =
    typeof handler?.fetch === 'function' ? handler.fetch.bind(handler) : undefined;
  if (fetchHandler || (typeof handler === 'function' && handler.length === 1))
    return async (req, res) =>
      answerFetch(res, await (fetchHandler ?? handler)(makeFetchRequest(req)));
  if (typeof handler === 'function') return handler;
  throw new RuntimeError(
    'Runtime.HandlerNotFound',
    `${config.handler} is of type ${typeof handler}, must be (req, res), (Request) => Response, or a server`,
  );
}
