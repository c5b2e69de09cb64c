/** `http` (REST API) and `httpApi` (HTTP API): schema and parsing. */
import { anyOf, anything, flag, openShape, shape, text, type JsonSchema } from '../json-schema.ts';
import type { HttpEvent } from '../service-model.ts';
import { EventProblem } from './event-problem.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'ANY']);

export const httpSchema: JsonSchema = anyOf(
  text,
  shape(
    {
      path: text,
      method: text,
      cors: anything,
      private: flag,
      async: flag,
      authorizer: anything,
      integration: text,
      connectionId: anything,
      connectionType: text,
      request: openShape({}),
      response: openShape({}),
      timeoutInMillis: anything,
      operationId: text,
      documentation: anything,
    },
    ['path', 'method'],
  ),
);

export const httpApiSchema: JsonSchema = anyOf(
  text,
  shape({ path: text, method: text, authorizer: anything, documentation: anything }, ['path']),
);

/**
 * Parses one `http` or `httpApi` event.
 * @throws {EventProblem} for what is wrong, and for routes that would lose their protection: a route
 *   with an authorizer is not served at all rather than served to everybody.
 */
export function parseHttp(payload: HttpEvent['payload'], raw: unknown): HttpEvent {
  const settings = typeof raw === 'string' ? splitShortForm(payload, raw) : (raw as RawHttp);
  const method = (settings.method ?? 'ANY').toUpperCase();
  const guard =
    settings.authorizer !== undefined ? 'authorizer' : settings.private ? 'private' : undefined;
  if (guard !== undefined)
    throw new EventProblem(
      'undeployed',
      `its "${guard}" is not enforced by this version, and the route would be open to everybody`,
    );
  if (payload === 'http' && !['lambda-proxy', 'aws_proxy'].includes(integrationOf(settings)))
    throw new EventProblem('undeployed', `integration "${integrationOf(settings)}" is not built`);
  if (method !== '*' && !METHODS.has(method))
    throw new EventProblem('invalid', `method "${settings.method}" is not an HTTP method`);
  return {
    type: 'http',
    payload,
    method: method === '*' ? 'ANY' : method,
    path: normalizePath(settings.path),
  };
}

interface RawHttp {
  path: string;
  method?: string;
  authorizer?: unknown;
  private?: boolean;
  integration?: string;
}

const integrationOf = (settings: RawHttp): string =>
  (settings.integration ?? 'lambda-proxy').toLowerCase().replace('_', '-') === 'aws-proxy'
    ? 'lambda-proxy'
    : (settings.integration ?? 'lambda-proxy').toLowerCase();

function splitShortForm(payload: HttpEvent['payload'], raw: string): RawHttp {
  const words = raw.trim().split(/\s+/);
  if (words.length === 1 && words[0] === '*') return { path: '$default' };
  const [method, path] = words;
  if (words.length !== 2 || method === undefined || path === undefined)
    throw new EventProblem('invalid', `${payload} "${raw}" is not "METHOD /path" nor "*"`);
  return { method, path };
}

function normalizePath(path: string): string {
  if (path === '*' || path === '$default') return '$default';
  const trimmed = `/${path.replace(/^\/+/, '')}`;
  for (const segment of trimmed.split('/'))
    if (/[{}]/.test(segment) && !/^\{[A-Za-z0-9._:-]+\+?\}$/.test(segment))
      throw new EventProblem(
        'invalid',
        `path "${path}": "${segment}" mixes a parameter with text; a parameter is a whole segment`,
      );
  if (/\{[^}]*\+\}(?!$)/.test(trimmed))
    throw new EventProblem('invalid', `path "${path}": a {name+} parameter must come last`);
  return trimmed;
}
