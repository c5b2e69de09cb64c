/** Cuts a stream of bytes into lines, whatever the chunks. */
import { StringDecoder } from 'node:string_decoder';

/** A line longer than this is a broken peer, not a Kubernetes object (etcd's own limit is 1.5 MiB). */
const LINE_LENGTH_MAX = 16 * 1024 * 1024;

export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8');
  private readonly onLine: (line: string) => void;
  private rest = '';

  constructor(onLine: (line: string) => void) {
    this.onLine = onLine;
  }

  /** @throws {Error} when a line exceeds 16 MiB. */
  push(chunk: Uint8Array): void {
    const text = this.rest + this.decoder.write(chunk);
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      if (end > start) this.onLine(text.slice(start, end));
      start = end + 1;
    }
    this.rest = text.slice(start);
    if (this.rest.length > LINE_LENGTH_MAX)
      throw new Error(`a line of a watch is longer than ${LINE_LENGTH_MAX} characters`);
  }
}
