/**
 * Google Cloud Functions: HTTP functions `(req, res)` with the Express surface that the platform
 * gives them, CloudEvent functions `(cloudEvent)`, exported or registered by name.
 */
import { addExpressSurface } from '../express-surface.mjs';
import { parameterNames } from '../detect-style.mjs';
import { describeError, RuntimeError } from '../runtime-error.mjs';
import { makeAdapter as makeCloudEventAdapter } from './cloudevent.mjs';

export function makeAdapter(loaded, config) {
  const wanted = loaded.exportName;
  const found = loaded.registered.find(({ name }) => name === wanted) ?? loaded.registered[0];
  const handler = found?.handler ?? loaded.handler;
  if (typeof handler !== 'function')
    throw new RuntimeError('Runtime.HandlerNotFound', `${config.handler} is not a function`);
  const isEvent =
    found?.kind === 'cloudEvent' ||
    (!found && (handler.length < 2 || /^_?cloudevent$/i.test(parameterNames(handler)[0] ?? '')));
  if (isEvent) return makeCloudEventAdapter({ handler, exportName: 'cloudEvent' }, config);
  return {
    async onRawRequest(req, res) {
      try {
        await addExpressSurface(req, res);
        await handler(req, res);
      } catch (error) {
        console.error(error);
        if (res.headersSent) res.destroy();
        else res.status(500).json(describeError(error));
      }
    },
  };
}
