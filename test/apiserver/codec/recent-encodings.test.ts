/** Bytes of watch events that are made once and forgotten again. */
import assert from 'node:assert/strict';
import { RecentEncodings } from '../../../runtime/apiserver/codec/recent-encodings.ts';

describe('Recent encodings', () => {
  const frozen = (name: string): object => Object.freeze({ name });
  const count = (): { made: number; encode: () => Buffer } => {
    const counter = { made: 0, encode: () => Buffer.alloc(10, ++counter.made) };
    return counter;
  };

  it('give every watcher of an object the same bytes', () => {
    const recent = new RecentEncodings(100);
    const { encode } = count();
    const object = frozen('a');
    assert.equal(recent.of(object, 'ADDED', encode), recent.of(object, 'ADDED', encode));
  });

  it('are made anew for another type of event', () => {
    const recent = new RecentEncodings(100);
    const counter = count();
    const object = frozen('a');
    recent.of(object, 'ADDED', counter.encode);
    recent.of(object, 'DELETED', counter.encode);
    assert.equal(counter.made, 2);
  });

  it('are made each time for an object that may change', () => {
    const recent = new RecentEncodings(100);
    const counter = count();
    const object = { name: 'a' };
    recent.of(object, 'ADDED', counter.encode);
    recent.of(object, 'ADDED', counter.encode);
    assert.equal(counter.made, 2);
  });

  it('outlive one generation of others, and not two', () => {
    const recent = new RecentEncodings(100);
    const counter = count();
    const object = frozen('a');
    const others = (howMany: number): void => {
      for (let i = 0; i < howMany; i++)
        recent.of(frozen(String(i)), 'ADDED', () => Buffer.alloc(10));
    };
    recent.of(object, 'ADDED', counter.encode);
    others(10);
    recent.of(object, 'ADDED', counter.encode);
    assert.equal(counter.made, 1);
    others(30);
    recent.of(object, 'ADDED', counter.encode);
    assert.equal(counter.made, 2);
  });
});
