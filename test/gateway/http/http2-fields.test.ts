import assert from 'node:assert/strict';
import { GatewayError } from '../../../runtime/gateway/gateway-error.ts';
import {
  headersObject,
  requestHeadOf,
  responseHeadOf,
} from '../../../runtime/gateway/http/http2-fields.ts';

const options = { hasBody: false, webSocketKey: () => 'key' };
const start = [':method', 'GET', ':scheme', 'http', ':path', '/a', ':authority', 'h:80'];

const statusOf = (raw: readonly string[]): number => {
  try {
    requestHeadOf(raw, options);
    return 200;
  } catch (error) {
    if (error instanceof GatewayError) return error.status;
    throw error;
  }
};

describe('fields of HTTP/2', () => {
  it('become the head of a request that HTTP/1.1 could have sent', () => {
    const { head } = requestHeadOf([...start, 'x-a', 'b', 'cookie', 'a=1', 'cookie', 'b=2'], {
      ...options,
      hasBody: true,
    });
    assert.equal(head.method, 'GET');
    assert.equal(head.target, '/a');
    assert.equal(head.authority, 'h:80');
    assert.equal(head.isChunked, true);
    assert.deepEqual(head.names, ['x-a', 'host', 'cookie']);
    assert.deepEqual(head.values, ['b', 'h:80', 'a=1; b=2']);
    const known = requestHeadOf([...start, 'content-length', '3'], { ...options, hasBody: true });
    assert.equal(known.head.isChunked, false);
    assert.equal(known.head.contentLength, 3);
  });

  const rows: readonly (readonly [name: string, raw: readonly string[], status: number])[] = [
    ['a line break in a value', [...start, 'a', 'b\r\nc: d'], 400],
    ['a line break in :path', [':method', 'GET', ':path', '/a\r\nb', ':authority', 'h'], 400],
    ['a space in :path', [':method', 'GET', ':path', '/a b', ':authority', 'h'], 400],
    ['a :path without slash', [':method', 'GET', ':path', 'a', ':authority', 'h'], 400],
    ['a space in :method', [':method', 'GET x', ':path', '/', ':authority', 'h'], 400],
    [
      'a line break in :authority',
      [':method', 'GET', ':path', '/', ':authority', 'h\r\nx: y'],
      400,
    ],
    ['no :authority', [':method', 'GET', ':path', '/'], 400],
    ['Host instead of :authority', [':method', 'GET', ':path', '/', 'host', 'h'], 200],
    ['Host that is another', [...start, 'host', 'other'], 400],
    ['a colon in a name', [...start, 'a:b', 'c'], 400],
    ['an unknown expectation', [...start, 'expect', 'gold'], 417],
    ['CONNECT', [':method', 'CONNECT', ':authority', 'h:1'], 501],
    ['more bytes than a head may have', [...start, 'a', 'x'.repeat(33_000)], 431],
    ['* for OPTIONS', [':method', 'OPTIONS', ':path', '*', ':authority', 'h'], 200],
    ['* for GET', [':method', 'GET', ':path', '*', ':authority', 'h'], 400],
  ];
  for (const [name, raw, status] of rows)
    it(`answer ${name} with ${status === 200 ? 'acceptance' : status}`, () => {
      assert.equal(statusOf(raw), status);
    });

  it('become the head of a response', () => {
    const head = responseHeadOf([':status', '200', 'content-length', '5', 'a', 'b']);
    assert.equal(head.status, 200);
    assert.equal(head.contentLength, 5);
    assert.deepEqual(head.names, ['content-length', 'a']);
    assert.throws(() => responseHeadOf([':status', '99']), GatewayError);
    assert.throws(() => responseHeadOf([':status', '200', 'a', 'b\nc']), GatewayError);
  });

  it('that occur twice are a list, unless HTTP knows only one', () => {
    const headers = headersObject({ ':status': 200 }, [
      ['set-cookie', 'a'],
      ['set-cookie', 'b'],
      ['location', '/a'],
      ['location', '/b'],
    ]);
    assert.deepEqual(headers, { ':status': 200, 'set-cookie': ['a', 'b'], location: '/b' });
  });
});
