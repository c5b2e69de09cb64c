/**
 * How long a request may take: as its client says, up to what the server allows. Watches and logs have
 * no such end. Pure. Source: k8s.io/apiserver pkg/endpoints/filters/request_deadline.go.
 */
import { parseGoDuration } from '../../apis/meta/go-duration.ts';
import { StatusError } from '../status-error.ts';

/** As upstream: whoever waits longer than this is told to try again. */
export const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than any duration is written; matching much longer texts takes time. */
const TEXT_LENGTH_MAX = 64;

/**
 * @param text the query's `timeout`, a Go duration such as `30s`; what is not positive counts as none.
 * @throws {StatusError} 400 for what is no duration.
 */
export function parseRequestTimeout(text: string | undefined): number {
  if (text === undefined || text === '') return REQUEST_TIMEOUT_MS;
  const timeoutMs = text.length <= TEXT_LENGTH_MAX ? parseGoDuration(text) : undefined;
  if (timeoutMs === undefined) {
    const problem = /^[-+]?\d+\.?\d*$/.test(text) ? 'missing unit in duration' : 'invalid duration';
    throw StatusError.badRequest(
      `invalid timeout specified in the request URL - time: ${problem} ${JSON.stringify(text)}`,
    );
  }
  return timeoutMs > 0 ? Math.min(timeoutMs, REQUEST_TIMEOUT_MS) : REQUEST_TIMEOUT_MS;
}
