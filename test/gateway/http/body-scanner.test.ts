import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GatewayError } from '../../../runtime/gateway/gateway-error.ts';
import type { BodyFraming } from '../../../runtime/gateway/http/body-scanner.ts';
import { BodyScanner } from '../../../runtime/gateway/http/body-scanner.ts';

interface Scanned {
  out: string;
  isDone: boolean;
  payloadBytes: number;
  /** Bytes of the input that are the body's. */
  used: number;
  error: boolean;
}

/** Scans `text` in parts that end at `cuts`. */
function scan(
  framing: BodyFraming,
  text: string,
  options: { decode?: boolean; cuts?: readonly number[] } = {},
): Scanned {
  const scanner = new BodyScanner(framing, { decode: options.decode ?? false });
  const bytes = Buffer.from(text, 'latin1');
  const ends = [...new Set([...(options.cuts ?? []), bytes.length])].sort((a, b) => a - b);
  let out = '';
  let used = 0;
  let start = 0;
  try {
    for (const end of ends) {
      const part = bytes.subarray(start, end);
      used += scanner.scan(part, 0, (piece) => (out += piece.toString('latin1')));
      start = end;
      if (scanner.isDone) break;
    }
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return { out, isDone: false, payloadBytes: scanner.payloadBytes, used, error: true };
  }
  return { out, isDone: scanner.isDone, payloadBytes: scanner.payloadBytes, used, error: false };
}

const chunked: BodyFraming = { type: 'chunked' };

describe('body scanner', () => {
  it('ends a body of known length and leaves what follows', () => {
    const result = scan({ type: 'length', length: 3 }, 'abcGET');
    assert.deepEqual(result, { out: 'abc', isDone: true, payloadBytes: 3, used: 3, error: false });
  });

  it('is done at once without a body', () => {
    assert.equal(new BodyScanner({ type: 'none' }).isDone, true);
    assert.equal(new BodyScanner({ type: 'length', length: 0 }).isDone, true);
  });

  it('passes chunks as they are, without trailers, and leaves what follows', () => {
    const body = '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\nC: d\r\n\r\n';
    const result = scan(chunked, `${body}GET`);
    assert.equal(result.out, '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n');
    assert.equal(result.payloadBytes, 5);
    assert.equal(result.used, body.length);
    assert.equal(result.isDone, true);
  });

  it('passes the payload when it decodes', () => {
    assert.equal(scan(chunked, 'A\r\n0123456789\r\n0\r\n\r\n', { decode: true }).out, '0123456789');
  });

  for (const [name, text] of [
    ['no size', '\r\nabc'],
    ['a size that is no number', 'g\r\n'],
    ['a prefixed size', '0x3\r\nabc\r\n'],
    ['a signed size', '-1\r\n'],
    ['space before the size', ' 3\r\nabc'],
    ['space after the size', '3 \r\nabc'],
    ['a size of twelve digits', '000000000003\r\nabc'],
    ['a bare line feed after the size', '3\nabc\r\n'],
    ['a carriage return alone after the size', '3\rabc\r\n'],
    ['a chunk longer than its size', '3\r\nabcd\r\n'],
    ['a bare line feed after the data', '3\r\nabc\n0\r\n\r\n'],
    ['a line feed in an extension', '3;a\nb\r\nabc'],
    ['an endless extension', `3;${'x'.repeat(300)}`],
    ['a bare line feed after a trailer', '0\r\nA: b\n\r\n'],
    ['a continued trailer', '0\r\n A: b\r\n\r\n'],
    ['endless trailers', `0\r\n${'A: b\r\n'.repeat(3_000)}`],
  ] as const)
    it(`refuses ${name}`, () => {
      assert.equal(scan(chunked, text).error, true);
    });

  it('finds the same body however its bytes are cut', () => {
    const chunk = fc.string({ minLength: 1, maxLength: 20 }).map((text) => {
      const bytes = Buffer.from(text, 'utf8');
      return `${bytes.length.toString(16)}\r\n${bytes.toString('latin1')}\r\n`;
    });
    const valid = fc
      .array(chunk, { maxLength: 6 })
      .map((chunks) => `${chunks.join('')}0\r\n\r\nNEXT`);
    const noise = fc
      .array(fc.constantFrom('3', 'a', '\r', '\n', '\r\n', ';', '0', 'abc', ' '), { maxLength: 12 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.oneof(valid, noise),
        fc.array(fc.nat(80), { maxLength: 8 }),
        fc.boolean(),
        (text, cuts, decode) => {
          const whole = scan(chunked, text, { decode });
          const inside = cuts.filter((cut) => cut > 0 && cut < text.length);
          const parts = scan(chunked, text, { decode, cuts: inside });
          // A refusal may come after a different amount of what was fine.
          if (whole.error || parts.error) assert.equal(parts.error, whole.error);
          else assert.deepEqual(parts, whole);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
