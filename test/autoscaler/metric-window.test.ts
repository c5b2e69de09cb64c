/** Metric windows: averages over seconds. */
import assert from 'node:assert/strict';
import { MetricWindow } from '../../runtime/autoscaler/metric-window.ts';

const start = 1_000_000_000;
const at = (second: number): number => start + second * 1_000;

describe('a metric window of 6 s', () => {
  it('has no value before the first report', () => {
    assert.equal(new MetricWindow(6_000).average(start), undefined);
  });

  it('averages over the seconds since the first report only', () => {
    const window = new MetricWindow(6_000);
    window.record(at(0), 10);
    assert.equal(window.average(at(0)), 10);
    window.record(at(1), 20);
    assert.equal(window.average(at(1)), 15);
  });

  it('adds up the reports of several gateways in one second', () => {
    const window = new MetricWindow(6_000);
    window.record(at(0), 10);
    window.record(at(0) + 500, 5);
    assert.equal(window.average(at(0)), 15);
  });

  it('counts silent seconds between reports as zero', () => {
    const window = new MetricWindow(6_000);
    window.record(at(0), 12);
    window.record(at(3), 0);
    assert.equal(window.average(at(3)), 3);
  });

  it('drops what is older than the window', () => {
    const window = new MetricWindow(6_000);
    for (let second = 0; second < 12; second += 1) window.record(at(second), second < 6 ? 100 : 1);
    assert.equal(window.average(at(11)), 1);
  });

  it('is zero 6 s after the last report, then has no value again, and starts anew', () => {
    const window = new MetricWindow(6_000);
    window.record(at(0), 10);
    assert.equal(window.average(at(5)), 10);
    assert.equal(window.average(at(6)), 0);
    assert.equal(window.average(at(7)), undefined);
    window.record(at(20), 4);
    assert.equal(window.average(at(20)), 4);
  });

  it('keeps what is inside when it is resized', () => {
    const window = new MetricWindow(6_000);
    for (let second = 0; second < 6; second += 1) window.record(at(second), second);
    window.configure(2_000, 'linear');
    assert.equal(window.average(at(5)), 4.5);
  });

  it('weighs new seconds more with the exponential algorithm', () => {
    const window = new MetricWindow(60_000, 'weighted-exponential');
    for (let second = 0; second < 60; second += 1) window.record(at(second), second < 55 ? 0 : 10);
    const value = window.average(at(59)) ?? 0;
    assert.equal(value > 5 && value < 10, true, String(value));
  });
});
