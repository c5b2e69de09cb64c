import assert from 'node:assert/strict';
import { addLines } from '../../../lib/config/locate-schema-errors.ts';

describe('a message of the hosts about the schema', () => {
  const source = {
    locate: async (path: readonly (string | number)[]) => `serverless.yml:<${path.join('/')}>`,
  };
  const rows: [message: string, expected: string][] = [
    [
      "Configuration error at 'functions.hello': unrecognized property 'x'\n\nLearn more",
      "Configuration error at 'functions.hello' (serverless.yml:<functions/hello/x>): unrecognized property 'x'\n\nLearn more",
    ],
    [
      "Configuration error: \n     at 'root': unrecognized property 'y'\n     at 'functions.a.events.0': unsupported function event",
      "Configuration error: \n     at 'root' (serverless.yml:<y>): unrecognized property 'y'\n     at 'functions.a.events.0' (serverless.yml:<functions/a/events/0>): unsupported function event",
    ],
    ['Configuration error of another kind', 'Configuration error of another kind'],
  ];
  for (const [message, expected] of rows)
    it(`gets the lines: ${message.split('\n')[0]}`, async () =>
      assert.equal(await addLines(message, source), expected));
});
