import assert from 'node:assert/strict';
import { narrowPatterns } from '../../../lib/package/narrow-patterns.ts';

describe('package patterns', () => {
  const rows: [patterns: string[], base: string | undefined, narrowed?: string[]][] = [
    [['!**', 'src/**'], 'src', ['**']],
    [['!**', './src/*.mjs'], 'src', ['*.mjs']],
    [['!**', 'a/b/x.js', 'a/b/c/**'], 'a/b', ['x.js', 'c/**']],
    [['!**', 'src/**', '!src/**/*.test.js'], 'src', ['**', '!**/*.test.js']],
    [['!**', 'src/**', '!**/*.map'], 'src', ['**', '!**/*.map']],
    [['!**', 'src/**', '!node_modules/**'], 'src', ['**']],
    [['!**', 'src/**', 'lib/**'], undefined],
    [['!**', '**/*.js'], undefined],
    [['!**', 'index.js'], undefined],
    [['src/**'], undefined],
    [['!**'], undefined],
    [['!**', '../shared/**'], undefined],
    [[], undefined],
  ];
  for (const [patterns, base, narrowed] of rows)
    it(`${JSON.stringify(patterns)} ${base === undefined ? 'need the whole service directory' : `need ${base} only`}`, () =>
      assert.deepEqual(
        narrowPatterns(patterns),
        base === undefined ? undefined : { base, patterns: narrowed },
      ));
});
