/** Stand-in for `@google-cloud/functions-framework`: `http` and `cloudEvent` record registrations for styles/gcf.mjs. */
'use strict';
const registered = globalThis[Symbol.for('knit.registered')];
const register = (kind) => (name, handler) => {
  registered.push({ platform: 'gcf', kind, name, options: {}, handler });
};

exports.http = register('http');
exports.cloudEvent = register('cloudEvent');
