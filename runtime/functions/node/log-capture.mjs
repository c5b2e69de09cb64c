/**
 * Keeps the end of what one invocation prints, for `X-Amz-Log-Type: Tail`. Output is told apart by
 * async context, so concurrent invocations do not mix. The hook is installed on first use.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** Lambda returns the last 4 KB. */
const tailBytesMax = 4096;

const storage = new AsyncLocalStorage();
let isInstalled = false;

/** Runs `body` and records what it prints; `run` lets later code print into the same record. */
export function captureLogs(body) {
  if (!isInstalled) install();
  const capture = { chunks: [], bytes: 0 };
  const run = (callback) => storage.run(capture, callback);
  return { capture, run, result: run(body) };
}

/** The last 4 KB in base64. */
export const logTail = ({ capture }) =>
  Buffer.concat(capture.chunks).subarray(-tailBytesMax).toString('base64');

function install() {
  isInstalled = true;
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write;
    stream.write = function tee(chunk, ...rest) {
      const capture = storage.getStore();
      if (capture)
        append(capture, Buffer.from(chunk, typeof rest[0] === 'string' ? rest[0] : 'utf8'));
      return write.call(this, chunk, ...rest);
    };
  }
}

function append(capture, chunk) {
  capture.chunks.push(chunk);
  capture.bytes += chunk.length;
  while (capture.bytes - capture.chunks[0].length >= tailBytesMax)
    capture.bytes -= capture.chunks.shift().length;
}
