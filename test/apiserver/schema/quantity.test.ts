import assert from 'node:assert/strict';
import { canonicalQuantity } from '../../../runtime/apis/schema/quantity.ts';

describe('The canonical form of a quantity', () => {
  const rows: [text: string, canonical: string][] = [
    ['0', '0'],
    ['0.5', '500m'],
    ['1.50', '1500m'],
    ['1000m', '1'],
    ['1024Mi', '1Gi'],
    ['1500Mi', '1500Mi'],
    ['0.5Gi', '512Mi'],
    ['0.001Ki', '1024m'],
    ['1000k', '1M'],
    ['12e6', '12e6'],
    ['1e3', '1e3'],
    ['1000', '1k'],
    ['-1.5', '-1500m'],
    ['0.0000000001', '1n'],
    ['9223372036854775807Gi', '9223372036854775807'],
    ['1E', '1E'],
  ];
  for (const [text, canonical] of rows)
    it(`of ${text} is ${canonical}`, () => assert.equal(canonicalQuantity(text), canonical));

  it('is stable', () => {
    for (const [, canonical] of rows) assert.equal(canonicalQuantity(canonical), canonical);
  });

  for (const text of ['', 'abc', '1 Gi', '1xi'])
    it(`is refused for ${JSON.stringify(text)}`, () =>
      assert.throws(() => canonicalQuantity(text), SyntaxError));
});
