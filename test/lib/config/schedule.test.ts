import assert from 'node:assert/strict';
import { EventProblem } from '../../../lib/config/events/event-problem.ts';
import { parseSchedule, toCron } from '../../../lib/config/events/schedule.ts';

describe('schedule expressions', () => {
  const rows: [expression: string, cron: string][] = [
    ['rate(1 minute)', '* * * * *'],
    ['rate(5 minutes)', '*/5 * * * *'],
    ['rate(1 hour)', '0 * * * *'],
    ['rate(60 minutes)', '0 * * * *'],
    ['rate(6 hours)', '0 */6 * * *'],
    ['rate(24 hours)', '0 0 * * *'],
    ['rate(1 day)', '0 0 * * *'],
    ['rate(7 days)', '0 0 * * 0'],
    ['cron(0 12 * * ? *)', '0 12 * * *'],
    ['cron(15 10 ? * 6L *)', '15 10 * * 5L'],
    ['cron(0 18 ? * MON-FRI *)', '0 18 * * MON-FRI'],
    ['cron(0/10 8-17 ? * 2-6 *)', '0/10 8-17 * * 1-5'],
    ['cron(0 9 ? * 2#1 *)', '0 9 * * 1#1'],
    ['*/15 * * * *', '*/15 * * * *'],
    ['30 * * * * *', '30 * * * * *'],
    ['@hourly', '@hourly'],
  ];
  for (const [expression, cron] of rows)
    it(`keeps ${expression} as "${cron}"`, () => assert.equal(toCron(expression), cron));

  const refused: [expression: string, kind: EventProblem['kind']][] = [
    ['rate(7 minutes)', 'invalid'],
    ['rate(0 minutes)', 'invalid'],
    ['rate(5 seconds)', 'invalid'],
    ['rate(5 minutes', 'invalid'],
    ['cron(0 12 * *)', 'invalid'],
    ['every day', 'invalid'],
    ['cron(0 12 * * ? 2030)', 'undeployed'],
    ['at(2030-01-01T00:00:00)', 'undeployed'],
  ];
  for (const [expression, kind] of refused)
    it(`refuses ${expression} as ${kind}`, () => {
      assert.throws(
        () => toCron(expression),
        (error) => error instanceof EventProblem && error.kind === kind,
      );
    });
});

describe('a schedule event', () => {
  it('becomes one schedule per rate', () => {
    const events = parseSchedule({ rate: ['rate(1 minute)', '@daily'], timezone: 'Europe/Rome' });
    assert.deepEqual(events, [
      { type: 'schedule', cron: '* * * * *', timezone: 'Europe/Rome' },
      { type: 'schedule', cron: '@daily', timezone: 'Europe/Rome' },
    ]);
  });

  it('is left out when it is disabled', () => {
    assert.deepEqual(parseSchedule({ rate: 'rate(1 minute)', enabled: false }), []);
  });

  it('keeps input as JSON text, whether it is an object, JSON or plain text', () => {
    const inputs = [{ a: 1 }, '{"a":1}', 'plain'].map(
      (input) => parseSchedule({ rate: '@daily', input })[0]?.input,
    );
    assert.deepEqual(inputs, ['{"a":1}', '{"a":1}', '"plain"']);
  });
});
