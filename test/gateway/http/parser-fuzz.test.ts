import assert from 'node:assert/strict';
import { compareParsers, differs, readWithGateway, readWithLlhttp } from './parser-fuzz.ts';

describe('request parser beside llhttp', () => {
  it('reads 30,000 mutated inputs as llhttp does, but for the differences that are explained', () => {
    const { unexplained, alike, refused, explained } = compareParsers(30_000, 20_260);
    assert.deepEqual(unexplained, []);
    // The comparison is worth something only while many inputs survive their mutations.
    assert.ok(alike > 1_000, `${alike} read alike`);
    assert.ok(refused > 1_000, `${refused} refused by both`);
    assert.ok(explained.size >= 8, `${explained.size} kinds of differences seen`);
  });

  it('would notice a message that the two end at different places', () => {
    const smuggled = Buffer.from(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n',
      'latin1',
    );
    const honest = readWithLlhttp(smuggled);
    assert.ok(!differs(readWithGateway(smuggled), honest));
    assert.ok(differs({ messages: honest.messages.slice(1), error: undefined }, honest));
    assert.ok(differs({ messages: honest.messages, error: '400 ' }, honest));
  });
});
