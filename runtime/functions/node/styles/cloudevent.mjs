/**
 * CloudEvents handlers: `(event)`, and for an export named `handle` Knative func's `(context, event)`.
 * A returned CloudEvent is the reply. A plain request or invocation reaches the handler as an event
 * of type `dev.knit.invoke` whose data is what was sent.
 */
import { callLambda } from '../lambda-call.mjs';
import { RuntimeError } from '../runtime-error.mjs';
import { answer } from './lambda.mjs';

export function makeAdapter({ handler, exportName }, config) {
  if (typeof handler !== 'function')
    throw new RuntimeError(
      'Runtime.HandlerNotFound',
      `${config.handler} is of type ${typeof handler}, must be a function`,
    );
  const isKnativeFunc = exportName === 'handle' && handler.length >= 2;
  const call = (event, callState) =>
    callLambda(
      // The wrapper has no callback parameter, so that a result of undefined ends the call.
      async (given, context) =>
        isKnativeFunc
          ? handler({ ...context, log: console, cloudevent: given }, given)
          : handler(given, context),
      event,
      callState,
      config,
    );
  return {
    onInvoke: (event, state) => call(asEvent(event, state, config), state),
    onEvent: (event, _kind, state) => call(event, state),
    onHttp: ({ res, record, call: state }) =>
      answer(res, {
        source: 'url',
        call: state,
        result: () => call(asEvent(parseLoosely(record), state, config), state),
      }),
  };
}

/** Data sent without an event around it, as an event; an event stays as it is. */
export function asEvent(value, call, config) {
  if (typeof value?.type === 'string' && typeof value.specversion === 'string') return value;
  return {
    specversion: '1.0',
    id: call.requestId,
    source: config.eventSource,
    type: 'dev.knit.invoke',
    time: new Date(call.nowMs).toISOString(),
    datacontenttype: 'application/json',
    data: value,
  };
}

export function parseLoosely({ body }) {
  const text = body.toString('utf8');
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
