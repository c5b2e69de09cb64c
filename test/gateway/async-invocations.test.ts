import assert from 'node:assert/strict';
import { AsyncInvocations } from '../../runtime/gateway/async-invocations.ts';
import { GatewayError } from '../../runtime/gateway/gateway-error.ts';
import { FakeClock } from '../../runtime/std/fake-clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';

describe('The queue of asynchronous invocations', () => {
  it('is bounded for events without payload too, whose heads take memory all the same', () => {
    const queue = new AsyncInvocations({
      clock: new FakeClock(),
      logger: silentLogger,
      // Nothing listens on the discard port: deliveries fail, and wait a minute for their retry.
      address: () => ({ host: '127.0.0.1', port: 9 }),
    });
    const invocation = {
      target: '/',
      host: 'hello.default.localhost',
      headers: [['X-Filler', 'x'.repeat(32 * 1024)]] as const,
      payload: Buffer.alloc(0),
    };
    let count = 0;
    assert.throws(
      () => {
        for (; count < 10_000; count++) queue.enqueue(invocation);
      },
      (error) => error instanceof GatewayError && error.code === 'queue-full',
    );
    // 64 MiB of about 32.5 KiB each.
    assert.ok(count > 1_900 && count < 2_100, `${count}`);
    queue.close();
  });
});
