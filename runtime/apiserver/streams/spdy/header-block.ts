/**
 * Names and values of a SPDY frame: compressed with one state for all frames of a direction. Ours go out
 * in stored blocks, which every inflater reads: they are a few bytes. Source: SPDY Protocol, Draft 3.1,
 * sections 2.6.10 and 2.6.10.1.
 */
import { constants, createInflate, type Inflate } from 'node:zlib';

import { headerDictionary } from './header-dictionary.ts';

/** Names are lower case. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** Clients send three short ones; a compressed block could hold a thousand times its own size. */
const BLOCK_BYTES_MAX = 64 * 1024;
const HEADERS_MAX = 100;
/** zlib's header: deflate, a window of 32 KiB, no dictionary, fastest. */
const ZLIB_HEADER = Buffer.from([0x78, 0x01]);
const STORED_BYTES_MAX = 0xffff;
/** Without it Go's inflater would wait for the next block before it handed out this one. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);

export class HeaderDecoder {
  private readonly inflate: Inflate = createInflate({
    dictionary: headerDictionary,
    flush: constants.Z_SYNC_FLUSH,
    finishFlush: constants.Z_SYNC_FLUSH,
  });

  constructor() {
    // Whoever waits for a block is told; after that the connection is gone.
    this.inflate.on('error', () => undefined);
  }

  /** One at a time, in the order of their frames. @throws when it cannot be read or is too large. */
  async decode(block: Buffer): Promise<SpdyHeaders> {
    return parsePairs(await this.decompress(block));
  }

  close(): void {
    this.inflate.destroy();
  }

  private decompress(block: Buffer): Promise<Buffer> {
    const { inflate } = this;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const settle = (error?: Error | null): void => {
        inflate.off('data', onData);
        inflate.off('error', settle);
        const isTooLarge = bytes > BLOCK_BYTES_MAX;
        if (error || isTooLarge)
          reject(
            new Error('the headers cannot be decompressed, or not in so few bytes', {
              cause: error,
            }),
          );
        else resolve(Buffer.concat(chunks));
      };
      const onData = (chunk: Buffer): void => {
        bytes += chunk.length;
        chunks.push(chunk);
        // Stops it; what it says of that differs.
        if (bytes > BLOCK_BYTES_MAX) inflate.destroy();
      };
      inflate.on('data', onData);
      inflate.on('error', settle);
      inflate.write(block, (error) => settle(error));
    });
  }
}

function parsePairs(bytes: Buffer): SpdyHeaders {
  let offset = 0;
  const readLength = (): number => {
    if (offset + 4 > bytes.length) throw new Error('the headers are cut off');
    offset += 4;
    return bytes.readUInt32BE(offset - 4);
  };
  const readText = (): string => {
    const length = readLength();
    if (offset + length > bytes.length) throw new Error('the headers are cut off');
    offset += length;
    return bytes.toString('utf8', offset - length, offset);
  };
  const count = readLength();
  if (count > HEADERS_MAX) throw new Error(`there are more than ${HEADERS_MAX} headers`);
  const headers = new Map<string, string>();
  for (let index = 0; index < count; index++) headers.set(readText().toLowerCase(), readText());
  return headers;
}

export class HeaderEncoder {
  private isFirst = true;

  /** In the order in which their frames are sent. */
  encode(headers: SpdyHeaders): Buffer {
    const pairs = [uint32(headers.size)];
    for (const text of [...headers].flat()) {
      const bytes = Buffer.from(text);
      pairs.push(uint32(bytes.length), bytes);
    }
    const content = Buffer.concat(pairs);
    if (content.length > STORED_BYTES_MAX)
      throw new Error(`headers of ${content.length} bytes do not fit into one block`);
    const head = Buffer.alloc(5);
    head.writeUInt16LE(content.length, 1);
    head.writeUInt16LE(~content.length & 0xffff, 3);
    const prefix = this.isFirst ? ZLIB_HEADER : Buffer.alloc(0);
    this.isFirst = false;
    return Buffer.concat([prefix, head, content, EMPTY_BLOCK]);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
