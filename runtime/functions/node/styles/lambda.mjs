/** Handlers written for AWS Lambda: events are API Gateway, function URL, ALB or CloudEvent payloads. */
import { PassThrough } from 'node:stream';
import { callLambda, callStreamingLambda } from '../lambda-call.mjs';
import { streamingHandler } from '../load-handler.mjs';
import { makeAlbEvent } from '../payload/alb.mjs';
import { makeEventPayload } from '../payload/event-kinds.mjs';
import { makeHttpApiEvent } from '../payload/http-api.mjs';
import { convertResult, makeErrorResponse } from '../payload/http-response.mjs';
import { makeRestApiEvent } from '../payload/rest-api.mjs';
import { reportHandlerError } from '../router.mjs';
import { RuntimeError } from '../runtime-error.mjs';

export function makeAdapter({ handler, exportName }, config) {
  if (typeof handler !== 'function')
    throw new RuntimeError(
      'Runtime.HandlerNotFound',
      `${config.handler}: ${exportName} is of type ${typeof handler}, must be a function`,
    );
  if (handler[streamingHandler] === true) return makeStreamingAdapter(handler, config);
  return makeLambdaAdapter((event, call) => callLambda(handler, event, call, config), config);
}

/** The adapter over any way of running a function with Lambda's payloads: `run(event, call)`. */
export function makeLambdaAdapter(run, config) {
  return {
    onInvoke: run,
    onEvent: (event, kind, call) => run(makeEventPayload(kind, event, config), call),
    onHttp({ req, res, record, call }) {
      const source = sourceOf(req.headers['knit-event-source']);
      const event = makeHttpEvent(source, record, httpOptions(req, call, config));
      return answer(res, { source, call, result: () => run(event, call) });
    },
  };
}

function makeStreamingAdapter(handler, config) {
  const run = (event, call) => collect(handler, event, call, config);
  return {
    ...makeLambdaAdapter(run, config),
    onHttp({ req, res, record, call }) {
      const source = sourceOf(req.headers['knit-event-source']);
      const event = makeHttpEvent(source, record, httpOptions(req, call, config));
      return stream(handler, { event, res, call, config, source });
    },
  };
}

const httpOptions = (req, call, config) => ({
  ...config,
  ...call,
  routeKey: req.headers['knit-route-key'],
});

/** What to call the origin of a plain request: without the header it came by the function's own URL. */
export const sourceOf = (header) =>
  header === 'http' || header === 'httpApi' || header === 'alb' ? header : 'url';

/** The payload by source; `options` has routeKey, requestId, nowMs, accountId, stage, region, functionName. */
export function makeHttpEvent(source, record, options) {
  if (source === 'http') return makeRestApiEvent(record, options);
  if (source === 'alb') return makeAlbEvent(record, options);
  return makeHttpApiEvent(
    record,
    source === 'httpApi' ? options : { ...options, routeKey: undefined },
  );
}

/** Runs the handler and answers by the rules of its source. */
export async function answer(res, { source, call, result }) {
  let response;
  try {
    response = convertResult(source, await result());
    if (response.malformed) {
      console.error(`${call.requestId}\tERROR\tMalformed response: ${response.malformed}`);
      response = makeErrorResponse(source);
    }
  } catch (error) {
    reportHandlerError(error, call);
    response = makeErrorResponse(source);
  }
  try {
    res.writeHead(response.statusCode, [
      ...response.headers.flat(),
      'content-length',
      String(response.body.length),
    ]);
  } catch (error) {
    // A header name or value that HTTP does not allow.
    console.error(`${call.requestId}\tERROR\tMalformed response: ${error.message}`);
    response = makeErrorResponse(source);
    res.writeHead(response.statusCode, response.headers.flat());
  }
  res.end(response.body);
}

async function stream(handler, { event, res, call, config, source }) {
  const body = makeStream();
  let isStarted = false;
  const start = () => {
    if (isStarted) return;
    isStarted = true;
    const { statusCode = 200, headers = {}, cookies = [] } = body.metadata ?? {};
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
    if (cookies.length > 0) res.setHeader('set-cookie', cookies);
    if (!res.hasHeader('content-type'))
      res.setHeader('content-type', body.contentType ?? 'application/octet-stream');
    res.writeHead(statusCode);
  };
  body.on('data', (chunk) => {
    start();
    if (!res.write(chunk)) {
      body.pause();
      res.once('drain', () => body.resume());
    }
  });
  body.on('end', () => {
    start();
    res.end();
  });
  res.on('close', () => body.destroy());
  try {
    await callStreamingLambda(handler, { event, stream: body, call, config });
  } catch (error) {
    reportHandlerError(error, call);
    // After the head is out, a broken connection is the only honest sign of failure.
    if (isStarted) res.destroy();
    else {
      isStarted = true;
      const response = makeErrorResponse(source);
      res.writeHead(response.statusCode, response.headers.flat());
      res.end(response.body);
    }
  }
}

/** A streaming handler invoked directly: its output as one string. */
async function collect(handler, event, call, config) {
  const body = makeStream();
  const chunks = [];
  body.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise((resolve) => body.once('end', resolve));
  await callStreamingLambda(handler, { event, stream: body, call, config });
  if (!body.writableEnded) body.end();
  await ended;
  return Buffer.concat(chunks).toString('utf8');
}

function makeStream() {
  const stream = new PassThrough();
  stream.setContentType = (type) => {
    stream.contentType = type;
  };
  return stream;
}
