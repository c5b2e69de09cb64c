/**
 * The function server for Node.js: imports the user's handler, then listens on `PORT` and turns
 * requests into calls of it. It listens only after the import, so an open port means ready. It
 * imports nothing but `node:` and its own folder, and the style that is not used is never loaded.
 */
import { createServer } from 'node:http';
import { detectStyle } from './detect-style.mjs';
import { loadHandler } from './load-handler.mjs';
import { readConfig } from './config.mjs';
import { describeError, isUserMistake } from './runtime-error.mjs';
import { writeTerminationMessage } from './termination-log.mjs';
import { makeRouter } from './router.mjs';

/** Longer than any client of ours keeps an idle connection, so that the client closes first. */
const keepAliveTimeoutMs = 620_000;

process.on('SIGTERM', () => process.exit(0));

const { config, adapter } = await initialize().catch(failToStart);
const router = makeRouter({ adapter, config });
const server = createServer((req, res) => router.onRequest(req, res));
server.keepAliveTimeout = keepAliveTimeoutMs;
// The gateway and the revision's timeout bound a request; a second limit here would only cut streams.
server.requestTimeout = 0;
server.on('error', failToStart);
server.listen(config.port, config.host, () => process.send?.({ port: server.address().port }));

process.removeAllListeners('SIGTERM');
process.once('SIGTERM', drain);
process.once('SIGINT', drain);
process.on('uncaughtException', (error) => {
  // As on Lambda: a process whose state nobody knows any more must not serve the next request.
  console.error(`Uncaught Exception\t${JSON.stringify(describeError(error))}`);
  writeTerminationMessage(error);
  process.exit(129);
});

async function initialize() {
  const config = readConfig(process.env);
  const loaded = await loadHandler(config);
  const style = config.style ?? detectStyle(loaded);
  const { makeAdapter } = await import(`./styles/${style}.mjs`);
  return { config, adapter: makeAdapter(loaded, config) };
}

function failToStart(error) {
  const described = describeError(error);
  console.error(`${described.errorType}: ${described.errorMessage}`);
  if (!isUserMistake(error) && error?.stack) console.error(error.stack);
  writeTerminationMessage(error);
  process.exit(1);
}

/** Stops accepting, lets what is in flight finish, then exits; the pod's grace period is the limit. */
function drain() {
  router.drain();
  server.close(() => process.exit(0));
  router.onIdle(() => server.closeIdleConnections());
}
