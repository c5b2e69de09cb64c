import assert from 'node:assert/strict';
import { findLine } from '../../../lib/config/config-source.ts';

const source = `service: shop
functions:
  hello:
    handler: a.b
    events:
      - http: GET /
      - schedule: rate(1 minute)
  bye: \${file(bye.yml)}
`;

describe('the line of a setting', () => {
  const rows: [path: (string | number)[], line: number | undefined][] = [
    [['functions', 'hello', 'handler'], 4],
    [['functions', 'hello', 'events', 1], 7],
    [['functions', 'hello', 'image'], 3],
    [['functions', 'bye', 'handler'], 8],
    [['functions', 'nothing'], 2],
    [['custom'], undefined],
  ];
  for (const [path, line] of rows)
    it(`${path.join('.')} is ${line ?? 'unknown'}`, async () =>
      assert.equal(await findLine(source, path), line));
});
