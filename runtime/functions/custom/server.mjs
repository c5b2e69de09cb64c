/**
 * The function server for `provided.*` runtimes: serves Lambda's Runtime API to the function's own
 * `bootstrap` and turns requests on `PORT` into its invocations. It listens on `PORT` only after the
 * runtime has asked for its first invocation. Shares payloads and routing with the Node.js server.
 * Source: AWS Lambda Runtime API 2018-06-01.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { readConfig } from '../node/config.mjs';
import { makeRouter } from '../node/router.mjs';
import { RuntimeError, describeError } from '../node/runtime-error.mjs';
import { makeLambdaAdapter } from '../node/styles/lambda.mjs';
import { writeTerminationMessage } from '../node/termination-log.mjs';
import { RuntimeApi } from './runtime-api.mjs';

/** Longer than any client of ours keeps an idle connection, so that the client closes first. */
const keepAliveTimeoutMs = 620_000;
/** As on Lambda; another port is taken where functions share a network (process driver). */
const runtimeApiPort = 9001;

let isDraining = false;
let bootstrap;
process.on('SIGTERM', () => process.exit(0));
process.on('exit', () => bootstrap?.kill('SIGKILL'));

const config = start(() => readConfig(process.env));
const command = start(findBootstrap);
const api = new RuntimeApi(config);
const router = makeRouter({
  adapter: makeLambdaAdapter((event, call) => api.invoke(event, call), config),
  config,
});
const server = createServer((req, res) => router.onRequest(req, res));
server.keepAliveTimeout = keepAliveTimeoutMs;
server.requestTimeout = 0;
server.on('error', fail);

const apiServer = createServer((req, res) => api.onRequest(req, res));
// A runtime waits in `next` for as long as nothing happens.
apiServer.requestTimeout = 0;
apiServer.keepAliveTimeout = 0;
apiServer.once('error', (error) => {
  if (error.code !== 'EADDRINUSE') fail(error);
  apiServer.once('error', fail);
  apiServer.listen(0, '127.0.0.1');
});
apiServer.on('listening', launch);
apiServer.listen(Number(process.env.KNIT_RUNTIME_API_PORT || runtimeApiPort), '127.0.0.1');

api.onceReady(() => {
  server.listen(config.port, config.host, () => process.send?.({ port: server.address().port }));
  process.removeAllListeners('SIGTERM');
  process.once('SIGTERM', drain);
  process.once('SIGINT', drain);
});
api.onInitError((error) => fail(error));
// The runtime is stuck in the invocation; like Lambda, start it afresh.
api.onTimeout(() => bootstrap.kill('SIGKILL'));

function launch() {
  api.reset();
  bootstrap = spawn(command, [], {
    cwd: config.taskRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${apiServer.address().port}`,
      _HANDLER: process.env['_HANDLER'] || 'handler',
      LAMBDA_TASK_ROOT: config.taskRoot,
      AWS_LAMBDA_FUNCTION_NAME: config.functionName,
      AWS_LAMBDA_FUNCTION_VERSION: config.functionVersion,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(config.memoryMb),
      AWS_REGION: config.region,
      AWS_DEFAULT_REGION: config.region,
    },
  });
  bootstrap.once('error', (error) =>
    fail(
      new RuntimeError(
        'Runtime.InvalidEntrypoint',
        `${command} cannot be started: ${error.message}`,
      ),
    ),
  );
  bootstrap.once('exit', (code, signal) => {
    if (isDraining) return;
    const error = new RuntimeError(
      'Runtime.ExitError',
      `RequestId: ${api.currentRequestId ?? 'none'} Error: Runtime exited with ${signal ? `signal ${signal}` : `exit status ${code}`}`,
    );
    if (api.consumeTimeout()) {
      launch();
      return;
    }
    // Answers what is in flight first; the restart of the container then starts everything afresh.
    api.failAll(error);
    setImmediate(() => server.close(() => fail(error)));
    if (!server.listening) fail(error);
  });
}

function findBootstrap() {
  const candidates = [
    process.env.KNIT_BOOTSTRAP,
    join(config.taskRoot, 'bootstrap'),
    '/opt/bootstrap',
  ];
  const found = candidates.find((path) => path && existsSync(path));
  if (!found)
    throw new RuntimeError(
      'Runtime.InvalidEntrypoint',
      `no executable bootstrap in ${config.taskRoot}: a function with a provided runtime brings its own`,
    );
  return found;
}

function start(body) {
  try {
    return body();
  } catch (error) {
    return fail(error);
  }
}

function fail(error) {
  const described = describeError(error);
  console.error(`${described.errorType}: ${described.errorMessage}`);
  writeTerminationMessage(error);
  process.exit(1);
}

function drain() {
  isDraining = true;
  router.drain();
  server.close(() => process.exit(0));
  router.onIdle(() => server.closeIdleConnections());
}
