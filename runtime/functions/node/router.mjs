/**
 * Sends each request where it belongs: `/_knit/invoke`, `/_knit/event/<kind>`, CloudEvents, and
 * plain HTTP. It owns the protocol of the two internal paths; what a handler sees is the style's.
 *
 * An adapter (styles/*.mjs) has either `onRawRequest(req, res)`, which gets every request, or
 * `onInvoke(event, call)`, `onEvent(cloudEvent, kind, call)`, which return results, and
 * `onHttp({req, res, record, call})`, which answers.
 */
import { randomUUID } from 'node:crypto';
import { RequestTooLarge, readBody } from './read-body.mjs';
import {
  encodeReply,
  InvalidCloudEvent,
  isCloudEventRequest,
  isReplyEvent,
  parseCloudEvent,
} from './payload/cloud-event.mjs';
import { eventKinds } from './payload/event-kinds.mjs';
import { makeRequestRecord } from './payload/http-request.mjs';
import { describeError } from './runtime-error.mjs';

const invokePath = '/_knit/invoke';
const eventPrefix = '/_knit/event/';
/** Answers without calling the handler: for who wants to know whether the server is up. */
const healthPath = '/_knit/health';

/** @returns `{onRequest, drain, onIdle}`: the listener, and what shutting down needs. */
export function makeRouter({ adapter, config }) {
  let inFlight = 0;
  let isDraining = false;
  let idleListener = () => {};
  return {
    onRequest(req, res) {
      inFlight += 1;
      if (isDraining) res.setHeader('connection', 'close');
      res.once('close', () => {
        inFlight -= 1;
        if (isDraining) setImmediate(idleListener);
      });
      route(req, res, { adapter, config }).catch((error) => answerFailure(res, error));
    },
    drain() {
      isDraining = true;
    },
    /** Calls back whenever a request ends while draining, and once now. */
    onIdle(listener) {
      idleListener = listener;
      if (inFlight === 0) listener();
    },
  };
}

async function route(req, res, { adapter, config }) {
  const path = req.url.split('?', 1)[0];
  if (path === healthPath) {
    res.writeHead(204).end();
    return;
  }
  const isInternal = path === invokePath || path.startsWith(eventPrefix);
  if (adapter.onRawRequest) {
    // A plain HTTP handler gets what Knative would send it: the same request at its root.
    if (isInternal) req.url = '/';
    await adapter.onRawRequest(req, res);
    return;
  }
  const record = makeRequestRecord({
    method: req.method,
    url: req.url,
    httpVersion: req.httpVersion,
    rawHeaders: req.rawHeaders,
    body: await readBody(req),
    remoteAddress: req.socket.remoteAddress,
  });
  const call = makeCall(record, config);
  if (path === invokePath) await invoke(res, { record, call, adapter, config });
  else if (path.startsWith(eventPrefix))
    await deliver(res, { record, call, adapter, config, kind: path.slice(eventPrefix.length) });
  else if (req.method === 'POST' && isCloudEventRequest(record.headers))
    await deliver(res, { record, call, adapter, config, kind: 'trigger' });
  else await adapter.onHttp({ req, res, record, call });
}

/** What one invocation knows of itself. */
function makeCall({ headers }, config) {
  const nowMs = Date.now();
  return {
    requestId: headers['x-amzn-requestid'] || headers['x-request-id'] || randomUUID(),
    clientContext: parseClientContext(headers['x-amz-client-context']),
    nowMs,
    deadlineMs: nowMs + config.timeoutMs,
  };
}

function parseClientContext(header) {
  if (!header) return undefined;
  try {
    return JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
  } catch {
    // Lambda drops what it cannot read as well; the function still runs.
    return undefined;
  }
}

/** Lambda's Invoke: a failing handler is a 200 that says so in a header. */
async function invoke(res, { record, call, adapter, config }) {
  let event;
  try {
    event = record.body.length === 0 ? {} : JSON.parse(record.body.toString('utf8'));
  } catch (error) {
    sendJson(res, 400, {
      Type: 'User',
      message: `Could not parse request body into json: ${error.message}`,
    });
    return;
  }
  const headers = {
    'x-amzn-requestid': call.requestId,
    'x-amz-executed-version': config.functionVersion,
  };
  const { captureLogs, logTail } = await import('./log-capture.mjs');
  const wantsTail = record.headers['x-amz-log-type'] === 'Tail';
  const run = async () => JSON.stringify(await adapter.onInvoke(event, call)) ?? 'null';
  const capture = wantsTail ? captureLogs(run) : { result: run() };
  const outcome = await capture.result.then(
    (text) => ({ text }),
    (error) => ({ error }),
  );
  if (outcome.error !== undefined || !('text' in outcome)) {
    const described = reportHandlerError(outcome.error, call, capture.run);
    headers['x-amz-function-error'] = 'Unhandled';
    outcome.text = JSON.stringify(described);
  }
  if (wantsTail) headers['x-amz-log-result'] = logTail(capture);
  res.writeHead(200, { 'content-type': 'application/json', ...headers });
  res.end(outcome.text);
}

/**
 * An event: a failing handler is a 500, so that the sender retries; a CloudEvent as result is the
 * reply; anything else is 204 without body, because Knative refuses a body that is not an event.
 */
async function deliver(res, { record, call, adapter, config, kind }) {
  if (!adapter.acceptsKind?.(kind) && !eventKinds.includes(kind)) {
    sendJson(res, 404, {
      error: 'UnknownEventKind',
      message: `this function server has no event kind "${kind}", only ${eventKinds.join(', ')}`,
    });
    return;
  }
  let event;
  try {
    event = parseCloudEvent(record);
  } catch (error) {
    if (!(error instanceof InvalidCloudEvent)) throw error;
    sendJson(res, 400, { error: 'InvalidCloudEvent', message: error.message });
    return;
  }
  let result;
  try {
    result = await adapter.onEvent(event, kind, call);
  } catch (error) {
    sendJson(res, 500, reportHandlerError(error, call));
    return;
  }
  if (!isReplyEvent(result)) {
    res.writeHead(204).end();
    return;
  }
  const reply = encodeReply(result, {
    id: randomUUID(),
    source: config.eventSource,
    nowMs: Date.now(),
  });
  res.writeHead(200, reply.headers.flat());
  res.end(reply.body);
}

/** Prints a handler's failure as Lambda's runtime does, and returns its description. */
export function reportHandlerError(error, call, run = (print) => print()) {
  const described = describeError(error);
  run(() => console.error(`${call.requestId}\tERROR\tInvoke Error\t${JSON.stringify(described)}`));
  return described;
}

function answerFailure(res, error) {
  if (res.headersSent) {
    res.destroy(error);
    return;
  }
  if (error instanceof RequestTooLarge) {
    sendJson(res, 413, { error: 'RequestTooLarge', message: error.message });
    return;
  }
  console.error(error);
  sendJson(res, 500, describeError(error));
}

export function sendJson(res, status, value) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(value));
}
