/**
 * Lambda's Runtime API: a queue of invocations on one side, a runtime that polls `next` and posts
 * responses on the other. Holds no policy of processes: server.mjs starts and restarts the runtime.
 */
import { readBody } from '../node/read-body.mjs';
import { ReportedError, RuntimeError } from '../node/runtime-error.mjs';
import { sendJson } from '../node/router.mjs';

const prefix = '/2018-06-01/runtime';
/** A runtime works on one invocation at a time; more waiting than this means that it does not keep up. */
const queueLengthMax = 1000;

export class RuntimeApi {
  #config;
  #queue = [];
  /** Runtimes (or threads of one) that wait for work: responses of `next`. */
  #pollers = [];
  #running = new Map();
  #listeners = { ready: () => {}, initError: () => {}, timeout: () => {} };
  #isReady = false;
  #hasTimedOut = false;

  constructor(config) {
    this.#config = config;
  }

  /** Called when the runtime asks for its first invocation. */
  onceReady(listener) {
    this.#listeners.ready = listener;
  }

  /** Called with what the runtime reports when it cannot start. */
  onInitError(listener) {
    this.#listeners.initError = listener;
  }

  /** Called when an invocation passes its deadline: the runtime has to be replaced. */
  onTimeout(listener) {
    this.#listeners.timeout = listener;
  }

  get currentRequestId() {
    return this.#running.keys().next().value;
  }

  /** Whether the runtime was ended because of a timeout; asking clears it. */
  consumeTimeout() {
    const had = this.#hasTimedOut;
    this.#hasTimedOut = false;
    return had;
  }

  /** A new runtime takes over: what the old one worked on or polled for is gone; the queue stays. */
  reset() {
    this.#pollers = [];
    for (const { id, settle } of this.#running.values())
      settle(
        new RuntimeError('Runtime.ExitError', `RequestId: ${id} Error: Runtime was restarted`),
      );
  }

  /** Everything that is waiting or running fails with this error. */
  failAll(error) {
    for (const invocation of [...this.#running.values(), ...this.#queue]) invocation.settle(error);
    this.#queue = [];
  }

  /** Resolves with the runtime's parsed response; rejects with what it reported. */
  invoke(event, call) {
    if (this.#queue.length >= queueLengthMax)
      return Promise.reject(
        new RuntimeError('Runtime.QueueFull', `${queueLengthMax} invocations are waiting already`),
      );
    return new Promise((resolve, reject) => {
      // Ids are the runtime's keys: two requests with the same X-Request-Id must not meet.
      const id = this.#has(call.requestId) ? `${call.requestId}-${Date.now()}` : call.requestId;
      const invocation = {
        id,
        call,
        body: JSON.stringify(event),
        settle: (error, value) => {
          clearTimeout(timer);
          this.#running.delete(id);
          this.#queue = this.#queue.filter((each) => each !== invocation);
          if (error) reject(error);
          else resolve(value);
        },
      };
      const timer = setTimeout(() => this.#timeOut(invocation), call.deadlineMs - Date.now());
      this.#queue.push(invocation);
      this.#dispatch();
    });
  }

  async onRequest(req, res) {
    const path = req.url.split('?', 1)[0];
    if (req.method === 'GET' && path === `${prefix}/invocation/next`) {
      this.#poll(res);
      return;
    }
    const match = new RegExp(`^${prefix}/invocation/([^/]+)/(response|error)$`).exec(path);
    if (req.method === 'POST' && path === `${prefix}/init/error`) {
      const described = parse(await readBody(req)) ?? {
        errorType: 'Runtime.InitError',
        errorMessage: '',
      };
      sendJson(res, 202, { status: 'OK' });
      this.#listeners.initError(new ReportedError(described));
    } else if (req.method === 'POST' && match) {
      await this.#answer(req, res, decodeURIComponent(match[1]), match[2]);
    } else sendJson(res, 404, { errorType: 'InvalidPath', errorMessage: `${req.method} ${path}` });
  }

  #has(id) {
    return this.#running.has(id) || this.#queue.some((each) => each.id === id);
  }

  #poll(res) {
    this.#pollers.push(res);
    res.once('close', () => {
      this.#pollers = this.#pollers.filter((each) => each !== res);
    });
    if (!this.#isReady) {
      this.#isReady = true;
      this.#listeners.ready();
    }
    this.#dispatch();
  }

  #dispatch() {
    while (this.#queue.length > 0 && this.#pollers.length > 0) {
      const invocation = this.#queue.shift();
      const res = this.#pollers.shift();
      this.#running.set(invocation.id, invocation);
      const { call, body, id } = invocation;
      const { region, accountId, functionName } = this.#config;
      res.writeHead(200, {
        'content-type': 'application/json',
        'lambda-runtime-aws-request-id': id,
        'lambda-runtime-deadline-ms': String(call.deadlineMs),
        'lambda-runtime-invoked-function-arn': `arn:aws:lambda:${region}:${accountId}:function:${functionName}`,
        ...(call.clientContext === undefined
          ? {}
          : { 'lambda-runtime-client-context': JSON.stringify(call.clientContext) }),
      });
      res.end(body);
    }
  }

  async #answer(req, res, id, kind) {
    const body = await readBody(req);
    const invocation = this.#running.get(id);
    if (!invocation) {
      sendJson(res, 400, {
        errorType: 'InvalidRequestID',
        errorMessage: `no invocation ${id} is running`,
      });
      return;
    }
    sendJson(res, 202, { status: 'OK' });
    const value = parse(body);
    if (kind === 'response')
      invocation.settle(undefined, value === undefined ? body.toString('utf8') : value);
    else
      invocation.settle(
        new ReportedError(
          value ?? {
            errorType: req.headers['lambda-runtime-function-error-type'] ?? 'Runtime.Unknown',
            errorMessage: body.toString('utf8'),
          },
        ),
      );
  }

  #timeOut(invocation) {
    const seconds = ((invocation.call.deadlineMs - invocation.call.nowMs) / 1000).toFixed(2);
    const wasRunning = this.#running.has(invocation.id);
    invocation.settle(
      new RuntimeError(
        'Sandbox.Timedout',
        `RequestId: ${invocation.id} Error: Task timed out after ${seconds} seconds`,
      ),
    );
    if (!wasRunning) return;
    this.#hasTimedOut = true;
    this.#listeners.timeout();
  }
}

/** Undefined when it is not JSON. */
function parse(body) {
  try {
    return body.length === 0 ? null : JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
