/**
 * One line per request by the operator's template: the part of Go's text/template that request logs
 * use, fields with `js`, and `index .Request.Header`. Pure; off unless config-observability turns it on.
 * Source: knative/serving pkg/http/request_log.go; config-observability (facts 4.7).
 */
import type { Exchange } from './exchange.ts';
import { fieldOf } from './http/head.ts';

/** Longer templates are a mistake. */
const TEMPLATE_CHARACTERS_MAX = 8 * 1024;

/** Makes the line of a finished request, its line break included. */
export type RequestLog = (exchange: Exchange, nowMs: number) => string;

interface Entry {
  readonly exchange: Exchange;
  readonly latencySeconds: number;
}

const fields: Readonly<Record<string, (entry: Entry) => string | number>> = {
  '.Request.Method': ({ exchange }) => exchange.options.head.method,
  '.Request.RequestURI': ({ exchange }) => exchange.options.head.target,
  '.Request.URL': ({ exchange }) => exchange.options.head.target,
  '.Request.Host': ({ exchange }) => exchange.options.head.authority,
  '.Request.Proto': ({ exchange }) => `HTTP/1.${exchange.options.head.minor}`,
  '.Request.ContentLength': ({ exchange }) => exchange.options.head.contentLength,
  '.Request.RemoteAddr': ({ exchange }) => exchange.options.client.remoteAddress,
  '.Request.UserAgent': ({ exchange }) => fieldOf(exchange.options.head, 'user-agent') ?? '',
  '.Request.Referer': ({ exchange }) => fieldOf(exchange.options.head, 'referer') ?? '',
  '.Response.Code': ({ exchange }) => exchange.status,
  '.Response.Size': ({ exchange }) => exchange.responseBytes,
  '.Response.Latency': ({ latencySeconds }) => latencySeconds,
  '.Revision.Name': ({ exchange }) => exchange.options.traffic.name,
  '.Revision.Namespace': ({ exchange }) => exchange.options.traffic.namespace,
  '.Revision.Service': ({ exchange }) => exchange.options.traffic.labels.service,
  '.Revision.Configuration': ({ exchange }) => exchange.options.traffic.labels.configuration,
  '.Revision.PodName': ({ exchange }) => exchange.podName,
  '.Revision.PodIP': ({ exchange }) => exchange.podHost,
  // Source: W3C Trace Context, traceparent; B3 for those who still send it.
  '.TraceID': ({ exchange: { options } }) =>
    fieldOf(options.head, 'traceparent')?.split('-')[1] ??
    fieldOf(options.head, 'x-b3-traceid') ??
    '',
};

/** @throws {Error} naming the first action that this gateway does not understand. */
export function compileRequestLog(template: string): RequestLog {
  if (template.length > TEMPLATE_CHARACTERS_MAX)
    throw new Error(`request log template: longer than ${TEMPLATE_CHARACTERS_MAX} characters`);
  const parts: ((entry: Entry) => string)[] = [];
  let at = 0;
  for (const match of template.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)) {
    const text = template.slice(at, match.index);
    parts.push(() => text, compileAction(match[1]!));
    at = match.index + match[0].length;
  }
  const rest = template.slice(at);
  if (/\{\{|\}\}/.test(rest)) throw new Error('request log template: an action does not end');
  const end = rest.endsWith('\n') ? rest : `${rest}\n`;
  return (exchange, nowMs) => {
    const entry = { exchange, latencySeconds: (nowMs - exchange.arrivedMs) / 1_000 };
    return parts.map((part) => part(entry)).join('') + end;
  };
}

function compileAction(action: string): (entry: Entry) => string {
  const header = /^index\s+\.Request\.Header\s+"([^"]+)"$/.exec(action)?.[1]?.toLowerCase();
  // As Go prints a list of strings.
  if (header !== undefined)
    return ({ exchange }) => `[${fieldOf(exchange.options.head, header) ?? ''}]`;
  const isQuoted = action.startsWith('js ');
  const field = fields[isQuoted ? action.slice(3).trim() : action];
  if (!field) throw new Error(`request log template: {{${action}}} is not understood`);
  return (entry) => {
    const text = String(field(entry));
    return isQuoted ? quoted(text) : text;
  };
}

/** Safe within a string of JSON or JavaScript; what a client sends must not end the line either. */
const quoted = (text: string): string =>
  JSON.stringify(text)
    .slice(1, -1)
    .replace(/[<>&'=]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);

/**
 * The log that a ConfigMap asks for; undefined when it asks for none.
 * @throws {Error} for a template that cannot be used.
 */
export function requestLogOf(
  data: Readonly<Record<string, string>> | undefined,
): RequestLog | undefined {
  if (data?.['logging.enable-request-log']?.toLowerCase() !== 'true') return undefined;
  const template = data['logging.request-log-template'] ?? TEMPLATE_DEFAULT;
  if (template === '')
    throw new Error(
      'logging.request-log-template was set to empty, while request logs are enabled',
    );
  return compileRequestLog(template);
}

/** Knative's. */
const TEMPLATE_DEFAULT =
  '{"httpRequest": {"requestMethod": "{{.Request.Method}}", "requestUrl": "{{js .Request.RequestURI}}", ' +
  '"requestSize": "{{.Request.ContentLength}}", "status": {{.Response.Code}}, ' +
  '"responseSize": "{{.Response.Size}}", "userAgent": "{{js .Request.UserAgent}}", ' +
  '"remoteIp": "{{js .Request.RemoteAddr}}", "serverIp": "{{.Revision.PodIP}}", ' +
  '"referer": "{{js .Request.Referer}}", "latency": "{{.Response.Latency}}s", ' +
  '"protocol": "{{.Request.Proto}}"}, "traceId": "{{.TraceID}}"}';
