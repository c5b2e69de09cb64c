/** Tekton's variable syntax. */
import assert from 'node:assert/strict';
import { parseGoDuration } from '../../runtime/build/go-duration.ts';
import { substitute, substituteList, UnknownVariable } from '../../runtime/build/substitution.ts';

const variables = new Map<string, string | string[] | Record<string, string>>([
  ['params.name', 'ada $(params.other)'],
  ['params.other', 'x'],
  ['params.a.b', 'dotted'],
  ['params.list', ['one two', '$(id)']],
  ['params.empty', []],
  ['params.object', { key: 'value' }],
  ['workspaces.source.path', '/w'],
]);

describe('Tekton substitution', () => {
  const texts: [string, string, string][] = [
    [
      'replaces in one pass, so a value is never read again',
      '<$(params.name)>',
      '<ada $(params.other)>',
    ],
    ['takes dotted names in brackets', `$(params['a.b'])$(params["a.b"])`, 'dotteddotted'],
    ['indexes arrays', '$(params.list[1])', '$(id)'],
    ['reads a key of an object', '$(params.object.key)', 'value'],
    [
      'leaves unknown prefixes and the shell’s own syntax alone',
      '$(date) $(steps.x) $HOME',
      '$(date) $(steps.x) $HOME',
    ],
  ];
  for (const [title, text, expected] of texts)
    it(title, () => assert.equal(substitute(text, variables), expected));

  it('expands a whole array in place', () => {
    assert.deepEqual(
      substituteList(['a', '$(params.list[*])', '$(params.empty[*])', 'b'], variables),
      ['a', 'one two', '$(id)', 'b'],
    );
  });

  for (const text of [
    '$(params.nope)',
    '$(params.list[9])',
    '$(params.list)',
    '$(workspaces.other.path)',
    'in $(params.list[*]) text',
  ])
    it(`refuses ${text}`, () => assert.throws(() => substitute(text, variables), UnknownVariable));
});

describe('Go durations', () => {
  const durations: [string, number | undefined][] = [
    ['1h0m0s', 3_600_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['0', 0],
    ['0s', 0],
    ['10', undefined],
    ['-1s', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of durations)
    it(`reads "${text}" as ${expected} ms`, () => assert.equal(parseGoDuration(text), expected));
});
