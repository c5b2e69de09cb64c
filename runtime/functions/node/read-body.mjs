/** Reads a request's body into memory, up to a limit. */

/** Bodies are held whole, because payloads carry them as strings; Lambda's own limit is 6 MB. */
export const bodyBytesMax = 64 * 1024 * 1024;

export class RequestTooLarge extends Error {}

/** @throws {RequestTooLarge} when more than `bodyBytesMax` arrive; what is left is not read. */
export async function readBody(req) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax)
      throw new RequestTooLarge(`the body is larger than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
}
