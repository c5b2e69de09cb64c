/**
 * How an HTTP/1.1 listener says no to a client that starts with HTTP/2: an empty SETTINGS frame and
 * GOAWAY with HTTP_1_1_REQUIRED. Source: RFC 9113 sections 3.4, 6.5, 6.8, 7.
 */
export const http2Preface: Buffer = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

const SETTINGS = 0x4;
const GOAWAY = 0x7;
const HTTP_1_1_REQUIRED = 0xd;

const reason = Buffer.from('this listener speaks HTTP/1.1 only', 'latin1');

function frame(type: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, payload]);
}

const goAway = Buffer.alloc(8);
goAway.writeUInt32BE(HTTP_1_1_REQUIRED, 4);

export const http2Refusal: Buffer = Buffer.concat([
  frame(SETTINGS, Buffer.alloc(0)),
  frame(GOAWAY, Buffer.concat([goAway, reason])),
]);
