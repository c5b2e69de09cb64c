/**
 * OpenWhisk (IBM Cloud Functions) actions: `main(params)`. Over HTTP it is a web action: query, form
 * and JSON body are merged into the parameters, `__ow_*` describe the request, and the result's
 * `statusCode`, `headers` and `body` are the response. `{error}` as result is a failed activation.
 */
import { callLambda } from '../lambda-call.mjs';
import { isJsonType } from '../payload/cloud-event.mjs';
import { lastValues, parseQuery } from '../payload/http-request.mjs';
import { reportHandlerError, sendJson } from '../router.mjs';
import { RuntimeError } from '../runtime-error.mjs';

export function makeAdapter({ handler }, config) {
  if (typeof handler !== 'function')
    throw new RuntimeError('Runtime.HandlerNotFound', `${config.handler} is not a function`);
  const call = (params, state) =>
    callLambda(async (given) => handler(given), params, state, config);
  const activate = async (params, state) => {
    const result = await call(params, state);
    if (result?.error === undefined || result.statusCode !== undefined) return result ?? {};
    throw new RuntimeError('ApplicationError', JSON.stringify(result.error));
  };
  return {
    onInvoke: activate,
    onEvent: (event, kind, state) =>
      activate(
        kind === 'trigger' && typeof event.data === 'object'
          ? { ...event.data, __ce: event }
          : event,
        state,
      ),
    async onHttp({ res, record, call: state }) {
      let result;
      try {
        result = await activate(makeWebParams(record), state);
      } catch (error) {
        sendJson(res, 400, { error: reportHandlerError(error, state).errorMessage });
        return;
      }
      answerWeb(res, result);
    },
  };
}

function makeWebParams(record) {
  const type = record.headers['content-type'] ?? '';
  const text = record.body.toString('utf8');
  let fields = {};
  let raw = text;
  if (isJsonType(type)) {
    try {
      const parsed = JSON.parse(text);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) fields = parsed;
    } catch {
      // The action sees the raw body and decides.
    }
  } else if (/^application\/x-www-form-urlencoded/i.test(type))
    fields = lastValues(parseQuery(text)) ?? {};
  else if (!/^text\//i.test(type)) raw = record.body.toString('base64');
  return {
    ...lastValues(parseQuery(record.rawQuery)),
    ...fields,
    __ow_method: record.method.toLowerCase(),
    __ow_headers: record.headers,
    __ow_path: record.path,
    __ow_query: record.rawQuery,
    __ow_body: raw,
  };
}

function answerWeb(res, result) {
  const { statusCode, headers = {}, body } = result ?? {};
  const isResponse =
    statusCode !== undefined || body !== undefined || Object.keys(headers).length > 0;
  const value = isResponse ? body : result;
  for (const [name, each] of Object.entries(headers)) res.setHeader(name, each);
  if (value === undefined || value === null) {
    res.writeHead(statusCode ?? 204).end();
    return;
  }
  const isText = typeof value === 'string';
  if (!res.hasHeader('content-type'))
    res.setHeader('content-type', isText ? 'text/html; charset=utf-8' : 'application/json');
  const type = String(res.getHeader('content-type'));
  // OpenWhisk reads a string body of a binary media type as base64.
  const isBinary =
    isText && !/^(text\/|application\/(json|xml|javascript|.*\+json|.*\+xml))/i.test(type);
  res.writeHead(statusCode ?? 200);
  res.end(isText ? Buffer.from(value, isBinary ? 'base64' : 'utf8') : JSON.stringify(value));
}
