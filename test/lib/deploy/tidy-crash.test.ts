import assert from 'node:assert/strict';
import { tidyCrash } from '../../../lib/deploy/tidy-crash.ts';

describe('what a crashed function printed', () => {
  const crash = `Error: no database
    at Object.<anonymous> (/var/task/src/hello.js:2:7)
    at connect (/var/task/src/database.js:9:1)
    at Module._compile (node:internal/modules/cjs/loader:1521:14)
    at async importModule (file:///var/runtime/node/load-handler.mjs:76:12).`;

  const rows: [what: string, text: string, expected: string[], seen?: string][] = [
    ['keeps the place in the code', crash, ['Error: no database', 'thrown at src/hello.js:2:7']],
    [
      'finds it in a module, past dependencies, with any driver',
      `TypeError: x
    at f (file:///home/.knit/bundles/a/var/task/node_modules/d/i.mjs:1:1)
    at file:///home/.knit/bundles/a/var/task/src/hello.mjs:3:1`,
      ['TypeError: x', 'thrown at src/hello.mjs:3:1'],
    ],
    [
      'names no place where only the platform is in the stack',
      `Missing: x\n    at load (file:///var/runtime/node/load-handler.mjs:39:11)`,
      ['Missing: x'],
    ],
    [
      'says a thing once',
      `Container failed with: Error: a\nError: a\n\nError: a\nb`,
      ['Container failed with: Error: a', 'b'],
    ],
    ['leaves out what was said before', 'started\nError: a', ['started'], 'failed: Error: a'],
    [
      'keeps what Python prints',
      'Traceback:\n  File "/var/task/hello.py", line 1\nKeyError: 1',
      ['Traceback:', '  File "/var/task/hello.py", line 1', 'KeyError: 1'],
    ],
  ];
  for (const [what, text, expected, seen] of rows)
    it(what, () => assert.deepEqual(tidyCrash(text, seen), expected));
});
