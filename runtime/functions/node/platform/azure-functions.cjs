/**
 * Stand-in for `@azure/functions` v4: `app.*` records registrations, the binding builders return
 * what they were given. styles/azure.mjs runs the handlers. Bindings other than HTTP, timer and
 * Event Grid are recorded and refused when the function starts.
 */
'use strict';
const registered = globalThis[Symbol.for('knit.registered')];

const register = (kind) => (name, options) => {
  const normalized = typeof options === 'function' ? { handler: options } : options;
  registered.push({
    platform: 'azure',
    kind,
    name,
    options: normalized,
    handler: normalized.handler,
  });
};
const withMethods = (methods) => (name, options) => {
  const normalized = typeof options === 'function' ? { handler: options } : options;
  register('http')(name, { ...normalized, methods });
};
const anyBinding = new Proxy(
  {},
  { get: (_target, kind) => (options) => ({ type: kind, ...options }) },
);

class HttpResponse {
  constructor(init = {}) {
    this.status = init.status ?? 200;
    this.headers = new Headers(init.headers);
    this.body = init.body;
    this.jsonBody = init.jsonBody;
    this.cookies = init.cookies ?? [];
  }

  clone() {
    return new HttpResponse(this);
  }
}

const kinds = [
  'timer',
  'eventGrid',
  'eventHub',
  'serviceBusQueue',
  'serviceBusTopic',
  'storageBlob',
  'storageQueue',
  'cosmosDB',
  'generic',
  'warmup',
];
const app = {
  setup() {},
  hook: new Proxy({}, { get: () => () => undefined }),
  http: register('http'),
  get: withMethods(['GET']),
  post: withMethods(['POST']),
  put: withMethods(['PUT']),
  patch: withMethods(['PATCH']),
  deleteRequest: withMethods(['DELETE']),
};
for (const kind of kinds) app[kind] = register(kind);

exports.app = app;
exports.input = anyBinding;
exports.output = anyBinding;
exports.trigger = anyBinding;
exports.HttpResponse = HttpResponse;
