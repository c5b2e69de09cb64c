/**
 * Azure Functions: the v3 model `module.exports = async (context, req) => {}` and the v4 model
 * `app.http(name, {handler})`, for HTTP, timer and Event Grid triggers. Several v4 HTTP functions in
 * one module are told apart by route and method.
 */
import { makeFetchRequest } from '../fetch-bridge.mjs';
import { isJsonType } from '../payload/cloud-event.mjs';
import { lastValues, parseQuery, pathParameters } from '../payload/http-request.mjs';
import { callLambda } from '../lambda-call.mjs';
import { reportHandlerError, sendJson } from '../router.mjs';
import { RuntimeError } from '../runtime-error.mjs';

const eventKinds = ['timer', 'eventGrid'];

export function makeAdapter(loaded, config) {
  return loaded.registered.length > 0 ? makeV4(loaded.registered, config) : makeV3(loaded, config);
}

function makeV3({ handler }, config) {
  if (typeof handler !== 'function')
    throw new RuntimeError('Runtime.HandlerNotFound', `${config.handler} is not a function`);
  const run = (input, state) => {
    const context = makeContext(state, config, { bindings: { input } });
    return new Promise((resolve, reject) => {
      context.done = (error, result) => (error ? reject(error) : resolve({ context, result }));
      const returned = handler(context, input);
      if (typeof returned?.then === 'function')
        returned.then((result) => resolve({ context, result }), reject);
    });
  };
  const timed = (input, state) => callLambda(() => run(input, state), input, state, config);
  return {
    onInvoke: async (event, state) => {
      const { context, result } = await timed(event, state);
      return result ?? context.res ?? null;
    },
    onEvent: async (event, kind, state) =>
      (await timed(kind === 'schedule' ? makeTimer() : event, state)).result,
    async onHttp({ req, res, record, call: state }) {
      const input = makeV3Request(record, req);
      try {
        const { context, result } = await timed(input, state);
        sendAzure(res, result ?? context.bindings.res ?? context.res ?? {});
      } catch (error) {
        reportHandlerError(error, state);
        sendJson(res, 500, {});
      }
    },
  };
}

function makeV4(registered, config) {
  const unsupported = registered.filter(
    ({ kind }) => kind !== 'http' && !eventKinds.includes(kind),
  );
  if (unsupported.length > 0)
    throw new RuntimeError(
      'Runtime.UnsupportedTrigger',
      `the Azure trigger app.${unsupported[0].kind}("${unsupported[0].name}") is not supported, only http, timer and eventGrid`,
    );
  const call = (entry, input, state) =>
    callLambda(
      async () => entry.handler(input, makeContext(state, config, { functionName: entry.name })),
      input,
      state,
      config,
    );
  const ofKind = (kind) => registered.find((entry) => entry.kind === kind);
  return {
    onInvoke: (event, state) => {
      const entry = ofKind('timer') ?? ofKind('eventGrid');
      if (entry) return call(entry, event, state);
      const request = new Request('http://localhost/', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
      });
      return call(registered[0], withV4Surface(request, {}), state);
    },
    onEvent: (event, kind, state) => {
      const entry = (kind === 'schedule' ? ofKind('timer') : ofKind('eventGrid')) ?? registered[0];
      return call(entry, entry.kind === 'timer' ? makeTimer() : event, state);
    },
    async onHttp({ req, res, record, call: state }) {
      const found = findRoute(registered, record, req.headers['knit-route-key']);
      if (!found) {
        sendJson(res, 404, {
          message: `no function is registered for ${record.method} ${record.path}`,
        });
        return;
      }
      try {
        const request = withV4Surface(makeBufferedRequest(req, record), found.params);
        sendAzure(res, (await call(found.entry, request, state)) ?? {});
      } catch (error) {
        reportHandlerError(error, state);
        sendJson(res, 500, {});
      }
    },
  };
}

/** The first registration whose methods and route fit; routes may carry Azure's `api/` prefix or not. */
function findRoute(registered, record, routeKey) {
  const entries = registered.filter(({ kind }) => kind === 'http');
  for (const entry of entries) {
    const { methods = [], route = entry.name } = entry.options;
    if (methods.length > 0 && !methods.some((each) => each.toUpperCase() === record.method))
      continue;
    for (const prefix of ['', '/api']) {
      const params = matchRoute(`${prefix}/${route.replace(/^\//, '')}`, record.path);
      if (params) return { entry, params };
    }
  }
  // Knit's own route already chose this function: a lone registration serves it whatever its route.
  return entries.length === 1
    ? { entry: entries[0], params: pathParameters(routeKey, record.path) ?? {} }
    : undefined;
}

/** Azure's `{name}`, `{name?}`, `{*rest}` and constraints such as `{id:int}`. */
function matchRoute(template, path) {
  const values = path.split('/').filter(Boolean).map(decodeURIComponent);
  const parts = template.split('/').filter(Boolean);
  const params = {};
  for (const [index, part] of parts.entries()) {
    const match = /^\{(\*?)([\w-]+)(?::[^}?]*)?(\??)\}$/.exec(part);
    if (match?.[1] === '*') return { ...params, [match[2]]: values.slice(index).join('/') };
    const value = values[index];
    if (value === undefined) {
      if (match?.[3] !== '?') return undefined;
    } else if (match) params[match[2]] = value;
    else if (part.toLowerCase() !== value.toLowerCase()) return undefined;
  }
  return values.length > parts.length ? undefined : params;
}

/** The body was read by the router, so the stream in `req` is at its end. */
function makeBufferedRequest(req, record) {
  const bare = makeFetchRequest({ ...pick(req), method: 'GET' });
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD';
  return new Request(bare.url, {
    method: req.method,
    headers: bare.headers,
    ...(hasBody ? { body: record.body } : {}),
  });
}

const pick = ({ rawHeaders, headers, url }) => ({ rawHeaders, headers, url });

function withV4Surface(request, params) {
  return Object.defineProperties(request, {
    query: { value: new URL(request.url).searchParams },
    params: { value: params },
    user: { value: null },
  });
}

function makeV3Request(record, req) {
  const text = record.body.toString('utf8');
  let body = text === '' ? undefined : text;
  if (body !== undefined && isJsonType(record.headers['content-type'] ?? '')) {
    try {
      body = JSON.parse(text);
    } catch {
      // Azure hands over the text as well.
    }
  }
  return {
    method: record.method,
    url: `http://${record.headers.host ?? 'localhost'}${req.url}`,
    originalUrl: req.url,
    headers: record.headers,
    query: lastValues(parseQuery(record.rawQuery)) ?? {},
    params: pathParameters(req.headers['knit-route-key'], record.path) ?? {},
    body,
    rawBody: text,
    get: (name) => record.headers[name.toLowerCase()],
  };
}

function makeContext(state, config, { functionName = config.functionName, bindings = {} }) {
  const log = Object.assign((...parts) => console.log(...parts), {
    error: console.error,
    warn: console.warn,
    info: console.info,
    verbose: console.debug,
    metric() {},
  });
  return {
    invocationId: state.requestId,
    functionName,
    executionContext: {
      invocationId: state.requestId,
      functionName,
      functionDirectory: config.taskRoot,
    },
    bindings,
    bindingData: { invocationId: state.requestId },
    traceContext: {},
    extraInputs: { get: () => undefined },
    extraOutputs: { set() {} },
    log,
    trace: console.debug,
    debug: console.debug,
    info: console.info,
    warn: console.warn,
    error: console.error,
    res: undefined,
    ...(bindings.input === undefined ? {} : { req: bindings.input }),
  };
}

const makeTimer = () => ({ isPastDue: false, schedule: {}, scheduleStatus: {} });

function sendAzure(res, result) {
  if (typeof result !== 'object' || result === null) {
    res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(String(result));
    return;
  }
  const status = Number(result.status ?? result.statusCode ?? 200);
  const headers =
    result.headers instanceof Headers ? Object.fromEntries(result.headers) : (result.headers ?? {});
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  const { body, jsonBody } = result;
  const isJson =
    jsonBody !== undefined || (typeof body === 'object' && body !== null && !isBytes(body));
  if (!res.hasHeader('content-type'))
    res.setHeader('content-type', isJson ? 'application/json' : 'text/plain; charset=utf-8');
  res.writeHead(status);
  res.end(isJson ? JSON.stringify(jsonBody ?? body) : (body ?? ''));
}

const isBytes = (body) => body instanceof Uint8Array;
