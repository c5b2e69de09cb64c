/** Which HTTP headers follow an event from hop to hop. Everything else, credentials above all, is dropped. Source: Knative Eventing pkg/utils passthrough headers (behaviour). */
const EXACT = new Set(['x-request-id', 'traceparent', 'tracestate']);
const PREFIXES = ['knative-', 'x-b3-'];
/** A sender cannot make the log carry more than this beside an event. */
const BYTES_MAX = 8 * 1024;

export function forwardedHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  const forwarded: Record<string, string> = {};
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name];
    if (typeof value !== 'string') continue;
    if (!EXACT.has(name) && !PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    bytes += name.length + value.length;
    if (bytes > BYTES_MAX) break;
    forwarded[name] = value;
  }
  return forwarded;
}
