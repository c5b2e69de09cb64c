import assert from 'node:assert/strict';
import { parseStartTime } from '../../../lib/commands/logs.ts';

describe('logs --startTime', () => {
  const nowMs = Date.parse('2026-01-31T08:00:00Z');
  const rows: [value: string | undefined, seconds: number | undefined][] = [
    [undefined, undefined],
    ['30s', 30],
    ['10m', 600],
    ['2h', 7200],
    ['1d', 86_400],
    ['2026-01-31T07:59:00Z', 60],
    [String(nowMs - 5000), 5],
    ['2027-01-01T00:00:00Z', 1],
  ];
  for (const [value, seconds] of rows)
    it(`${value} is ${seconds} s back`, () => assert.equal(parseStartTime(value, nowMs), seconds));

  it('refuses what is no time', () => {
    assert.throws(() => parseStartTime('yesterday', nowMs), /--startTime yesterday is not a time/);
  });
});
