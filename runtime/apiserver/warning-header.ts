/**
 * `Warning` headers: what clients print to their users beside the answer. Pure.
 * Source: RFC 7234 section 5.5; k8s.io/apiserver pkg/endpoints/filters/warning.go (limits).
 */

/** All of a request's warnings together: proxies and clients refuse longer heads. */
const TOTAL_LENGTH_MAX = 4 * 1024;
/** What remains of each warning once the total is exceeded. */
const TRUNCATED_LENGTH_MAX = 256;

/** One header value per distinct warning, in their order. */
export function formatWarnings(warnings: readonly string[]): string[] {
  const distinct = [...new Set(warnings.map(clean))].filter((text) => text !== '');
  const total = distinct.reduce((sum, text) => sum + text.length, 0);
  const lengthMax = total > TOTAL_LENGTH_MAX ? TRUNCATED_LENGTH_MAX : TOTAL_LENGTH_MAX;
  const headers: string[] = [];
  let length = 0;
  for (const text of distinct) {
    const part = text.slice(0, lengthMax);
    length += part.length;
    if (length > TOTAL_LENGTH_MAX) break;
    headers.push(`299 - "${part.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  }
  return headers;
}

/** Without line breaks and control characters; what Latin-1 cannot say is replaced, as headers are bytes. */
const clean = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- control characters are what is taken out
  text.replace(/[\u0000-\u001f\u007f]+/g, ' ').replace(/[^\u0020-\u00ff]/g, '?');
