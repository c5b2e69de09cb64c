import assert from 'node:assert/strict';
import { findHandlerProblem } from '../../../lib/package/check-handler.ts';

describe('a handler in the package', () => {
  const files = new Set(['src/a.js', 'b.mjs', 'c.ts', 'app/main.py', 'pkg/__init__.py', 'd.v2.js']);
  const rows: [handler: string, runtime: string, problem: RegExp | undefined][] = [
    ['src/a.handler', 'nodejs22.x', undefined],
    ['./src/a.handler', 'nodejs22.x', undefined],
    ['b.handler.nested', 'nodejs22.x', undefined],
    ['app/main.handler', 'python3', undefined],
    ['pkg.handler', 'python3', undefined],
    [
      'src/nope.handler',
      'nodejs22.x',
      /needs one of src\/nope\.js, src\/nope\.mjs, src\/nope\.cjs/,
    ],
    ['c.handler', 'nodejs22.x', /c\.ts, which Node\.js cannot run/],
    ['src/a', 'nodejs22.x', /not of the form/],
    ['src/.handler', 'nodejs22.x', /not of the form/],
    ['anything', 'provided', /needs an executable file "bootstrap"/],
  ];
  for (const [handler, runtime, problem] of rows)
    it(`${handler} (${runtime}) ${problem ? 'is a problem' : 'is found'}`, () => {
      const found = findHandlerProblem({ handler, runtime }, files);
      if (problem) assert.match(found ?? '', problem);
      else assert.equal(found, undefined);
    });
});
