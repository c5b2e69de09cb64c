import assert from 'node:assert/strict';
import fc from 'fast-check';
import { childName } from '../../../runtime/apis/meta/child-name.ts';

describe('The name of a child', () => {
  it('is parent and suffix where they fit into 63 characters', () => {
    assert.equal(childName('hello-00001', '-deployment'), 'hello-00001-deployment');
  });

  it('keeps the suffix and hashes the parent where they do not', () => {
    const name = childName('a'.repeat(60), '-deployment');
    assert.equal(name.length, 63);
    assert.match(name, /^a{20}[0-9a-f]{32}-deployment$/);
  });

  it('never exceeds 63 characters and differs when the parents differ', () => {
    const part = fc.stringMatching(/^[a-z][a-z0-9-]{0,80}[a-z0-9]$/);
    fc.assert(
      fc.property(part, part, part, (a, b, suffix) => {
        assert.ok(childName(a, suffix).length <= 63);
        if (a !== b) assert.notEqual(childName(a, suffix), childName(b, suffix));
      }),
    );
  });
});
