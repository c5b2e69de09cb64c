import assert from 'node:assert/strict';
import fc from 'fast-check';
import { LineSplitter } from '../../runtime/kube/line-splitter.ts';

describe('A line splitter', () => {
  it('finds the same lines wherever the chunks are cut, also inside a character', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(40)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const seen: string[] = [];
        const splitter = new LineSplitter((text) => seen.push(text));
        let start = 0;
        for (const cut of cuts) {
          splitter.push(bytes.subarray(start, start + cut));
          start += cut;
        }
        splitter.push(bytes.subarray(start));
        assert.deepEqual(seen, lines);
      }),
    );
  });

  it('keeps an unfinished line until its end arrives', () => {
    const seen: string[] = [];
    const splitter = new LineSplitter((text) => seen.push(text));
    splitter.push(Buffer.from('{"a":'));
    assert.deepEqual(seen, []);
    splitter.push(Buffer.from('1}\n\n'));
    assert.deepEqual(seen, ['{"a":1}']);
  });
});
