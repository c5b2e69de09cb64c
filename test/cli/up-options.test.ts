import assert from 'node:assert/strict';
import { UsageError } from '../../runtime/cli/command-error.ts';
import { DEFAULT_UP_OPTIONS, parseUpOptions } from '../../runtime/cli/up-options.ts';

describe('The options of knit up', () => {
  it('default to gateway port 8080 on 127.0.0.1, any API port and the driver that fits', () => {
    assert.deepEqual(parseUpOptions({}), DEFAULT_UP_OPTIONS);
    assert.deepEqual(DEFAULT_UP_OPTIONS, {
      gatewayPort: 8080,
      gatewayTlsPort: 0,
      apiPort: 0,
      driver: 'auto',
      listen: '127.0.0.1',
    });
  });

  it('take port 0 for any free port', () => {
    assert.equal(parseUpOptions({ 'gateway-port': '0' }).gatewayPort, 0);
  });

  it('name every bad value in one go, with the range that is allowed', () => {
    const values = { 'gateway-port': '70000', 'api-port': 'x', driver: 'docker', listen: 'here' };
    assert.throws(
      () => parseUpOptions(values),
      (error) => {
        assert.ok(error instanceof UsageError);
        assert.equal(error.exitCode, 2);
        for (const part of [
          '--gateway-port 70000',
          '--api-port x',
          '--driver docker',
          '--listen here',
        ])
          assert.ok(error.message.includes(part), `${part} is missing in: ${error.message}`);
        return true;
      },
    );
  });
});
