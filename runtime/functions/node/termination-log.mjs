/** Leaves the reason of a failed start where Kubernetes looks for it, so that the pod's status shows it. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { describeError } from './runtime-error.mjs';

/** Kubernetes cuts a termination message at this size. */
const messageBytesMax = 4096;

/** Writes the error to `KNIT_TERMINATION_LOG` or `/dev/termination-log`; does nothing when neither is there. */
export function writeTerminationMessage(error) {
  const path = process.env.KNIT_TERMINATION_LOG || '/dev/termination-log';
  const { errorType, errorMessage } = describeError(error);
  const headline = `${errorType}: ${errorMessage}`;
  const detail = error?.cause ? String(error.cause.stack ?? error.cause) : (error?.stack ?? '');
  // A stack begins with what the headline says already.
  const message = detail.startsWith(headline) ? detail : `${headline}\n${detail}`;
  const text = Buffer.from(message).subarray(0, messageBytesMax);
  try {
    // Without this check a server outside a container would create the file in /dev.
    if (path === '/dev/termination-log') accessSync(path, constants.W_OK);
    writeFileSync(path, text);
  } catch {
    // Not in a pod, or not writable: standard error has the same text.
  }
}
