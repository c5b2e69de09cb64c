import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GatewayError } from '../../../runtime/gateway/gateway-error.ts';
import type { RequestHead } from '../../../runtime/gateway/http/head.ts';
import {
  findHeadEnd,
  parseRequestHead,
  parseResponseHead,
} from '../../../runtime/gateway/http/head.ts';

const parse = (text: string): RequestHead => {
  const bytes = Buffer.from(text, 'latin1');
  const end = findHeadEnd(bytes, 0);
  assert.ok(end > 0, 'head is incomplete');
  return parseRequestHead(bytes, 0, end);
};

/** Status of the refusal, or 200. */
const statusOf = (text: string): number => {
  try {
    parse(text);
    return 200;
  } catch (error) {
    if (error instanceof GatewayError) return error.status;
    throw error;
  }
};

describe('request head', () => {
  it('is read into method, target, authority and fields', () => {
    const head = parse(
      'POST /a?b=c HTTP/1.1\r\nHost: h:80\r\nContent-Length:  5 \r\nX-A:\tb c\t\r\n\r\n',
    );
    assert.equal(head.method, 'POST');
    assert.equal(head.target, '/a?b=c');
    assert.equal(head.authority, 'h:80');
    assert.equal(head.contentLength, 5);
    assert.deepEqual(head.names, ['host', 'content-length', 'x-a']);
    assert.deepEqual(head.values, ['h:80', '5', 'b c']);
  });

  it('takes the authority of an absolute-form target over Host', () => {
    const head = parse('GET http://a.test:1/x?y HTTP/1.1\r\nHost: b.test\r\n\r\n');
    assert.equal(head.authority, 'a.test:1');
    assert.equal(head.target, '/x?y');
    assert.equal(parse('GET http://a.test?y HTTP/1.1\r\nHost: b\r\n\r\n').target, '/?y');
  });

  it('keeps connections by the rules of its version', () => {
    const keeps = (version: string, connection: string): boolean =>
      parse(`GET / HTTP/${version}\r\nHost: h\r\n${connection}\r\n`).keepAlive;
    assert.equal(keeps('1.1', ''), true);
    assert.equal(keeps('1.1', 'Connection: x, Close\r\n'), false);
    assert.equal(keeps('1.1', 'Connection: \xa0close\r\n'), true);
    assert.equal(keeps('1.0', ''), false);
    assert.equal(keeps('1.0', 'Connection: Keep-Alive\r\n'), true);
  });

  it('has an upgrade only when Connection names it', () => {
    const upgrade = (fields: string): string =>
      parse(`GET / HTTP/1.1\r\nHost: h\r\n${fields}\r\n`).upgrade;
    assert.equal(upgrade('Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n'), 'websocket');
    assert.equal(upgrade('Upgrade: websocket\r\n'), '');
  });

  const line = 'POST / HTTP/1.1\r\nHost: h\r\n';
  const rows: readonly (readonly [name: string, text: string, status: number])[] = [
    [
      'an equal second Content-Length',
      `${line}Content-Length: 1\r\nContent-Length: 1\r\n\r\n`,
      400,
    ],
    [
      'a different second Content-Length',
      `${line}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
      400,
    ],
    ['a list in Content-Length', `${line}Content-Length: 1, 1\r\n\r\n`, 400],
    ['a signed Content-Length', `${line}Content-Length: +1\r\n\r\n`, 400],
    ['a hexadecimal Content-Length', `${line}Content-Length: 0x1\r\n\r\n`, 400],
    ['an empty Content-Length', `${line}Content-Length:\r\n\r\n`, 400],
    [
      'a Content-Length beyond exact numbers',
      `${line}Content-Length: 9999999999999999\r\n\r\n`,
      400,
    ],
    [
      'Content-Length with Transfer-Encoding',
      `${line}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
    ],
    ['a Transfer-Encoding before chunked', `${line}Transfer-Encoding: gzip, chunked\r\n\r\n`, 501],
    [
      'a Transfer-Encoding that does not end in chunked',
      `${line}Transfer-Encoding: chunked, gzip\r\n\r\n`,
      400,
    ],
    ['chunked twice', `${line}Transfer-Encoding: chunked, chunked\r\n\r\n`, 400],
    [
      'two Transfer-Encoding fields',
      `${line}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
      400,
    ],
    ['a vertical tab in Transfer-Encoding', `${line}Transfer-Encoding: \x0bchunked\r\n\r\n`, 400],
    [
      'Transfer-Encoding in HTTP/1.0',
      'POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['no Host in HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n', 200],
    ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 200],
    ['two Host fields', `${line}Host: h\r\n\r\n`, 400],
    ['a Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
    ['a Host with user information', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
    ['an IPv6 Host', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', 200],
    ['a bare line feed after the request line', 'GET / HTTP/1.1\nHost: h\r\n\r\n', 400],
    ['a bare line feed after a field', 'GET / HTTP/1.1\r\nHost: h\n\r\n', 400],
    ['a bare carriage return in a field', `${line}A: b\rc\r\n\r\n`, 400],
    ['a NUL in a field', `${line}A: b\0c\r\n\r\n`, 400],
    ['a continued field', `${line}A: b\r\n c\r\n\r\n`, 400],
    ['a continued first field', 'GET / HTTP/1.1\r\n Host: h\r\n\r\n', 400],
    ['space before the colon', `${line}A : b\r\n\r\n`, 400],
    ['an empty field name', `${line}: b\r\n\r\n`, 400],
    ['a field without colon', `${line}A\r\n\r\n`, 400],
    ['two spaces in the request line', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['space after the version', 'GET / HTTP/1.1 \r\nHost: h\r\n\r\n', 400],
    ['a target without slash', 'GET a HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['a target with user information', 'GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['bytes above 0x7f in the target', 'GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['bytes above 0x7f in a value', `${line}A: \xff\r\n\r\n`, 200],
    ['the asterisk for OPTIONS', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n', 200],
    ['the asterisk for GET', 'GET * HTTP/1.1\r\nHost: h\r\n\r\n', 400],
    ['CONNECT', 'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 501],
    ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: h\r\n\r\n', 505],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: h\r\n\r\n', 505],
    ['another protocol', 'GET / HTCP/1.1\r\nHost: h\r\n\r\n', 400],
    ['an unknown expectation', `${line}Expect: gold\r\n\r\n`, 417],
    ['129 fields', `GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(128)}\r\n`, 431],
  ];
  for (const [name, text, status] of rows)
    it(`answers ${name} with ${status === 200 ? 'acceptance' : status}`, () => {
      assert.equal(statusOf(text), status);
    });

  it('ends at the same place however its bytes are cut', () => {
    const text = Buffer.from('GET /a HTTP/1.1\r\nHost: h\r\nB: c\r\n\r\nbody\r\n\r\n');
    const whole = findHeadEnd(text, 0);
    for (let cut = 1; cut < whole; cut++) {
      assert.equal(findHeadEnd(text.subarray(0, cut), 0), -1);
      assert.equal(findHeadEnd(text, cut), whole);
    }
  });

  it('parses or is refused with a GatewayError, whatever the bytes', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'GET ',
        '/',
        ' HTTP/1.1',
        '\r\n',
        'Host: a',
        ':',
        ' ',
        '\n',
        '\r',
        'Content-Length: 1',
        'Transfer-Encoding: chunked',
        '\0',
        'é',
      ),
      fc.string({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const bytes = Buffer.from(`${pieces.join('')}\r\n\r\n`, 'latin1');
        try {
          const end = findHeadEnd(bytes, 0);
          const head = parseRequestHead(bytes, 0, end);
          // What was accepted must survive being written and read again.
          assert.ok(!(head.isChunked && head.contentLength >= 0));
          for (const value of head.values) assert.doesNotMatch(value, /[\r\n\0]/);
        } catch (error) {
          assert.ok(error instanceof GatewayError, String(error));
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('response head', () => {
  const response = (text: string): ReturnType<typeof parseResponseHead> => {
    const bytes = Buffer.from(text, 'latin1');
    return parseResponseHead(bytes, 0, findHeadEnd(bytes, 0));
  };

  it('is read with and without a reason phrase', () => {
    assert.equal(response('HTTP/1.1 200 All right\r\nA: b\r\n\r\n').reason, 'All right');
    assert.equal(response('HTTP/1.1 204 \r\n\r\n').status, 204);
    assert.equal(response('HTTP/1.0 204\r\n\r\n').keepAlive, false);
  });

  it('is refused when it could mean two things', () => {
    for (const text of [
      'HTTP/1.1 20 OK\r\n\r\n',
      'HTTP/1.1 2000 OK\r\n\r\n',
      'HTTP/1.1 600 No\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
      'HTTP/1.1  200 OK\r\n\r\n',
    ])
      assert.throws(() => response(text), GatewayError, JSON.stringify(text));
  });
});
