import assert from 'node:assert/strict';
import { jsonSyntaxError } from '../../../runtime/apiserver/codec/json-syntax-error.ts';

/** Texts and messages, as Go's encoding/json has them. */
const rows: readonly [text: string, message: string][] = [
  ['', 'unexpected end of JSON input'],
  ['{"a":', 'unexpected end of JSON input'],
  ['{"metadata":{"name":"a"', 'unexpected end of JSON input'],
  ['["a', 'unexpected end of JSON input'],
  ['nonsense', "invalid character 'o' in literal null (expecting 'u')"],
  ['{"metadata": nonsense}', "invalid character 'o' in literal null (expecting 'u')"],
  ['tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['x', "invalid character 'x' looking for beginning of value"],
  ['{a}', "invalid character 'a' looking for beginning of object key string"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
  ['[1 2]', "invalid character '2' after array element"],
  ['[1,]', "invalid character ']' looking for beginning of value"],
  ['[[],{"a":[{}]}', 'unexpected end of JSON input'],
  ['[[],{"a":[{}]}}', "invalid character '}' after array element"],
  ['{} {}', "invalid character '{' after top-level value"],
  ['"a\nb"', String.raw`invalid character '\n' in string literal`],
  [String.raw`"\q"`, "invalid character 'q' in string escape code"],
  [String.raw`"\u12g4"`, String.raw`invalid character 'g' in \u hexadecimal character escape`],
  ['-x', "invalid character 'x' in numeric literal"],
  ['[1.]', "invalid character ']' after decimal point in numeric literal"],
  ['[1e]', "invalid character ']' in exponent of numeric literal"],
  ['[01]', "invalid character '1' after array element"],
  ["{'a':1}", String.raw`invalid character '\'' looking for beginning of object key string`],
];

describe('What is wrong with a text that is no JSON', () => {
  for (const [text, message] of rows)
    it(`reads as Go's parser has it: ${JSON.stringify(text)}`, () => {
      assert.throws(() => JSON.parse(text));
      assert.equal(jsonSyntaxError(text), message);
    });

  it('is found however deep the text is nested', () =>
    assert.equal(jsonSyntaxError('['.repeat(200_000)), 'unexpected end of JSON input'));
});
