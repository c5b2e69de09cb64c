/** Reads the bodies of requests within limits: of each, and of all that are under way. */
import { StatusError } from '../status-error.ts';
import type { HttpRequest } from './http-streams.ts';

/** As the real server: the largest object etcd takes, with room for encoding. */
export const BODY_BYTES_MAX = 3 * 1024 * 1024;
/** Bodies that clients send slowly wait in memory; 64 of the largest kind may do so at once. */
const ALL_BODIES_BYTES_MAX = 64 * BODY_BYTES_MAX;
const RETRY_AFTER_SECONDS = 1;

export class BodyReader {
  private heldBytes = 0;

  /** @throws {StatusError} 413, 429 while too much is being read, 400 when the client stops early. */
  async read(request: HttpRequest): Promise<Buffer> {
    const { headers, method } = request;
    const announced = headers['content-length'];
    const hasNoBody = announced === undefined && headers['transfer-encoding'] === undefined;
    if (hasNoBody && (method === 'GET' || request.readableEnded)) return Buffer.alloc(0);
    if (Number(announced ?? 0) > BODY_BYTES_MAX) throw StatusError.tooLarge(BODY_BYTES_MAX);
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        this.heldBytes += chunk.length;
        if (bytes > BODY_BYTES_MAX) throw StatusError.tooLarge(BODY_BYTES_MAX);
        if (this.heldBytes > ALL_BODIES_BYTES_MAX)
          throw StatusError.tooManyRequests(
            'too many request bodies are being read',
            RETRY_AFTER_SECONDS,
          );
        chunks.push(chunk);
      }
    } catch (error) {
      if (error instanceof StatusError) throw error;
      throw StatusError.badRequest('the request ended before its body was complete');
    } finally {
      this.heldBytes -= bytes;
    }
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  }
}
