/**
 * Finds out which platform a handler was written for when nothing says it. In order:
 * 1. what registered itself through a platform's package is of that platform;
 * 2. a `function.json` beside the module, or `@azure/functions` among the dependencies: azure;
 * 3. an http.Server, or a function that is also an Express-like app (`handle` and `listen`): http;
 * 4. parameter names: `(req, res)` http, `(context, req)` azure, `(cloudEvent)` cloudevent;
 * 5. an export named `main` with at most one parameter: openwhisk; `handle`: cloudevent (Knative func);
 * 6. `@google-cloud/functions-framework` among the dependencies: gcf;
 * 7. everything else: lambda.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Pure but for looking for `function.json`. */
export function detectStyle({ handler, exportName, file, packageJson, registered }) {
  if (registered.length > 0) return registered[0].platform;
  if (existsSync(join(dirname(file), 'function.json'))) return 'azure';
  if (isHttpApp(handler)) return 'http';
  if (typeof handler !== 'function') return 'lambda';
  const dependencies = packageJson.dependencies ?? {};
  const usesGoogle = '@google-cloud/functions-framework' in dependencies;
  const [first, second] = parameterNames(handler);
  if (/^_?(req|request)$/i.test(first ?? '') && /^_?(res|response)$/i.test(second ?? ''))
    return usesGoogle ? 'gcf' : 'http';
  if (/^_?(context|ctx)$/i.test(first ?? '') && /^_?(req|request|\w*timer)$/i.test(second ?? ''))
    return 'azure';
  if ('@azure/functions' in dependencies) return 'azure';
  if (/^_?(cloudevent|ce)$/i.test(first ?? '')) return usesGoogle ? 'gcf' : 'cloudevent';
  if (exportName === 'main' && handler.length <= 1) return 'openwhisk';
  if (exportName === 'handle') return 'cloudevent';
  return usesGoogle ? 'gcf' : 'lambda';
}

/** Whether requests can be handed to it as Node's own `request` event would. */
export const isHttpApp = (handler) =>
  (typeof handler === 'object' &&
    typeof handler?.emit === 'function' &&
    typeof handler.listen === 'function') ||
  (typeof handler === 'function' &&
    typeof handler.handle === 'function' &&
    typeof handler.listen === 'function');

/** Names of a function's parameters as its source has them; destructured ones read as undefined. */
export function parameterNames(handler) {
  const source = Function.prototype.toString.call(handler).slice(0, 500);
  const list =
    /^(?:async\s+)?(?:function\s*\*?\s*[\w$]*\s*|[\w$]+\s*)?\(([^)]*)\)/.exec(source)?.[1] ??
    /^(?:async\s+)?([\w$]+)\s*=>/.exec(source)?.[1] ??
    '';
  return list.split(',').map((part) => /^\s*([\w$]+)\s*(?:=.*)?$/s.exec(part)?.[1]);
}
