/** SPDY's server end against bytes: what it reads, what it sends, and what it refuses. */
import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { constants, deflateSync, inflateSync } from 'node:zlib';

import { FrameReader } from '../../runtime/apiserver/streams/spdy/frames.ts';
import { HeaderDecoder, HeaderEncoder } from '../../runtime/apiserver/streams/spdy/header-block.ts';
import { headerDictionary } from '../../runtime/apiserver/streams/spdy/header-dictionary.ts';
import { SpdyConnection } from '../../runtime/apiserver/streams/spdy/spdy-connection.ts';
import type { SpdyStream } from '../../runtime/apiserver/streams/spdy/spdy-stream.ts';
import { SpdyClient } from '../agent/spdy-client.ts';

const SYNC = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };

describe('SPDY', () => {
  describe('headers', () => {
    it('are read as zlib compresses them from the dictionary', async () => {
      const text = Buffer.from('\0\0\0\x01\0\0\0\x0aStreamType\0\0\0\x05stdin', 'latin1');
      const block = deflateSync(text, { dictionary: headerDictionary, ...SYNC });
      const headers = await new HeaderDecoder().decode(block);
      assert.deepEqual([...headers], [['streamtype', 'stdin']]);
    });

    it('are sent so that zlib reads each block when it has come', () => {
      const encoder = new HeaderEncoder();
      const first = encoder.encode(new Map([['a', 'b']]));
      const second = encoder.encode(new Map([['c', 'd']]));
      const inflate = (bytes: Buffer): string => inflateSync(bytes, SYNC).toString('latin1');
      assert.equal(inflate(first), '\0\0\0\x01\0\0\0\x01a\0\0\0\x01b');
      assert.equal(
        inflate(Buffer.concat([first, second])).slice(14),
        '\0\0\0\x01\0\0\0\x01c\0\0\0\x01d',
      );
    });

    it('end the connection that would unpack to more than 64 KiB', async () => {
      const bomb = deflateSync(Buffer.alloc(1 << 20), { dictionary: headerDictionary, ...SYNC });
      assert.ok(bomb.length < 4_000);
      await assert.rejects(new HeaderDecoder().decode(bomb), /cannot be decompressed/);
    });

    for (const [what, bytes] of [
      ['a pair that is cut off', '\0\0\0\x01\0\0\0\x09short'],
      ['more pairs than there are bytes', '\0\0\0\x05'],
      ['more than a hundred pairs', '\0\0\x01\0'],
      ['no count', '\0'],
    ] as const)
      it(`are refused with ${what}`, async () => {
        const block = deflateSync(Buffer.from(bytes, 'latin1'), {
          dictionary: headerDictionary,
          ...SYNC,
        });
        await assert.rejects(new HeaderDecoder().decode(block), /headers/);
      });
  });

  describe('frames', () => {
    it('are found wherever the bytes are cut', () => {
      const bytes = Buffer.from('80030006000000040000000700000003010000026869', 'hex');
      for (let cut = 1; cut < bytes.length; cut++) {
        const reader = new FrameReader();
        const found: unknown[] = [];
        let data = '';
        for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
          reader.add(part);
          for (let piece = reader.next(); piece; piece = reader.next())
            if (piece.kind === 'control') found.push([piece.type, piece.body.toString('hex')]);
            else {
              data += piece.bytes.toString();
              if (piece.isLast) found.push([piece.streamId, data]);
            }
        }
        assert.deepEqual(found, [
          [6, '00000007'],
          [3, 'hi'],
        ]);
      }
    });

    it('of another version, or of a size that no client needs, are refused', () => {
      for (const hex of ['8002000600000004', '8003000100100000'])
        assert.throws(() => {
          const reader = new FrameReader();
          reader.add(Buffer.from(hex, 'hex'));
          reader.next();
        }, /not spoken|exceeds/);
    });
  });

  describe('a connection', () => {
    const open = (
      onStream: (stream: SpdyStream) => boolean = () => true,
    ): { client: SpdyClient; connection: SpdyConnection } => {
      const [near, far] = duplexPair();
      const connection = new SpdyConnection(near, Buffer.alloc(0), onStream);
      return { connection, client: new SpdyClient(far, '') };
    };

    it('carries many streams, whose directions end apart from each other', async () => {
      const { client } = open((stream) => {
        const name = stream.headers.get('name') ?? '';
        let text = '';
        stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
        stream.once('end', () => stream.end(`${name}: ${text}`));
        return true;
      });
      const streams = await Promise.all(
        Array.from({ length: 50 }, (_, index) => client.open({ name: `n${index}` })),
      );
      for (const stream of streams) stream.write(`to ${stream.id}`);
      for (const stream of streams.toReversed()) stream.end();
      for (const [index, stream] of streams.entries())
        assert.equal(String(await stream.ended), `n${index}: to ${stream.id}`);
      client.close();
    });

    it('passes megabytes through a reader that is slow', async () => {
      const { client } = open((stream) => {
        stream.on('data', (chunk: Buffer) => {
          stream.pause();
          setImmediate(() => stream.resume());
          stream.write(chunk);
        });
        stream.once('end', () => stream.end());
        return true;
      });
      const stream = await client.open({ a: 'b' });
      const bytes = Buffer.alloc(3_000_001, 'knit ');
      stream.write(bytes);
      stream.end();
      assert.ok((await stream.ended).equals(bytes));
      client.close();
    });

    it('refuses a stream that nobody takes, and one whose number was used', async () => {
      const { client } = open((stream) => stream.headers.get('streamtype') === 'data');
      const refused = await client.open({ streamtype: 'other' });
      assert.equal(await refused.wasReset, 3);
      const taken = await client.open({ streamtype: 'data' });
      client.nextId = taken.id;
      const again = await client.open({ streamtype: 'data' });
      assert.equal(await again.wasReset, 1);
      client.close();
    });

    it('ends every stream when its client goes', async () => {
      let closed = 0;
      const { client, connection } = open((stream) => {
        stream.once('close', () => closed++);
        return true;
      });
      await client.open({ a: '1' });
      await client.open({ a: '2' });
      client.close();
      await connection.closed;
      assert.equal(closed, 2);
    });

    it('ends a stream that its client resets, and no other', async () => {
      const streams: SpdyStream[] = [];
      const { client } = open((stream) => streams.push(stream) > 0);
      const first = await client.open({ a: '1' });
      const second = await client.open({ a: '2' });
      const body = Buffer.alloc(8);
      body.writeUInt32BE(first.id, 0);
      body.writeUInt32BE(5, 4);
      const gone = new Promise((resolve) => streams[0]?.once('close', resolve));
      client.control(3, 0, body);
      await gone;
      streams[1]?.end('still here');
      assert.equal(String(await second.ended), 'still here');
      client.close();
    });

    for (const [what, bytes] of [
      ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.padEnd(64))],
      ['headers that are no zlib', makeSynStream(1, Buffer.from('not zlib at all'))],
      ['a control frame of 16 MiB', Buffer.from('8003000100ffffff00000000', 'hex')],
      ['a stream without a number', Buffer.from('8003000100000002ffff', 'hex')],
    ] as const)
      it(`does not survive ${what}`, async () => {
        const { client, connection } = open();
        client.raw(bytes);
        client.raw(Buffer.alloc(64));
        if (what === 'another protocol') client.close();
        await connection.closed;
      });
  });
});

function makeSynStream(id: number, block: Buffer): Buffer {
  const head = Buffer.alloc(18);
  head.writeUInt32BE(0x80030001, 0);
  head.writeUInt32BE(10 + block.length, 4);
  head.writeUInt32BE(id, 8);
  return Buffer.concat([head, block]);
}
