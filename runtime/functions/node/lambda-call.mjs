/**
 * Calls a Lambda handler: builds its context, accepts promise, callback and the old
 * done/succeed/fail, and bounds the time. One call shares nothing with another.
 */
import { RuntimeError } from './runtime-error.mjs';

/**
 * @param call `{requestId, clientContext, deadlineMs}`.
 * @returns the handler's result. Rejects with what it threw, or `Sandbox.Timedout` at the deadline;
 *   the handler itself goes on then, since nothing can stop it without harming its neighbours.
 */
export function callLambda(handler, event, call, config) {
  return withDeadline(call, (resolve, reject) => {
    const context = makeContext(call, config, { resolve, reject });
    const callback = context.done;
    const returned = handler(event, context, callback);
    if (typeof returned?.then === 'function') returned.then(resolve, reject);
    // What a callback handler returns (a timer, a request) means nothing.
    else if (returned !== undefined && handler.length < 3) resolve(returned);
    // Nobody will ever answer: neither a promise nor a way to call back was taken.
    else if (handler.length < 3 && !usesContextCallbacks(handler)) resolve(null);
  });
}

/** As `callLambda`, for a handler wrapped by `awslambda.streamifyResponse`. */
export function callStreamingLambda(handler, { event, stream, call, config }) {
  return withDeadline(call, (resolve, reject) => {
    const context = makeContext(call, config, { resolve, reject });
    void Promise.resolve(handler(event, stream, context)).then(resolve, reject);
  });
}

function withDeadline(call, body) {
  return new Promise((resolve, reject) => {
    const timeoutMs = call.deadlineMs - Date.now();
    const timer = setTimeout(
      () =>
        reject(
          new RuntimeError(
            'Sandbox.Timedout',
            `RequestId: ${call.requestId} Error: Task timed out after ${((call.deadlineMs - call.nowMs) / 1000).toFixed(2)} seconds`,
          ),
        ),
      timeoutMs,
    );
    timer.unref();
    const settle = (how) => (value) => {
      clearTimeout(timer);
      how(value);
    };
    try {
      body(settle(resolve), settle(reject));
    } catch (error) {
      settle(reject)(error);
    }
  });
}

/** The context object of Lambda's Node.js runtime. */
function makeContext(call, config, { resolve, reject }) {
  const done = (error, result) =>
    error === undefined || error === null ? resolve(result) : reject(error);
  return {
    // A server's event loop is never empty, so the callback alone ends an invocation here.
    callbackWaitsForEmptyEventLoop: true,
    functionName: config.functionName,
    functionVersion: config.functionVersion,
    invokedFunctionArn: `arn:aws:lambda:${config.region}:${config.accountId}:function:${config.functionName}`,
    memoryLimitInMB: String(config.memoryMb),
    awsRequestId: call.requestId,
    logGroupName: config.logGroupName,
    logStreamName: config.logStreamName,
    identity: undefined,
    clientContext: call.clientContext,
    getRemainingTimeInMillis: () => Math.max(0, call.deadlineMs - Date.now()),
    done,
    succeed: (result) => resolve(result),
    fail: (error) => reject(error ?? new Error('context.fail was called without an error')),
  };
}

const usesContextCallbacks = (handler) =>
  handler.length === 2 &&
  /\.\s*(done|succeed|fail)\b/.test(Function.prototype.toString.call(handler));
