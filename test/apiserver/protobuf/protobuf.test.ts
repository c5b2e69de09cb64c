import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findKindSchema } from '../../../runtime/apis/schema/type-table.ts';
import {
  decodeProtobuf,
  encodeProtobuf,
  frameWatchEvent,
} from '../../../runtime/apiserver/protobuf/envelope.ts';
import { decodeObject } from '../../../runtime/apiserver/schema/decode-value.ts';

interface Fixture {
  readonly json: { readonly apiVersion: string; readonly kind: string };
  readonly protobuf: string;
}

// Written by Go: `go run ./fixtures` in scripts/generate-api-schema.
const fixtures = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/go-objects.json'), 'utf8'),
) as readonly Fixture[];

describe('Protobuf bodies, held against objects of every built-in kind that Go has encoded', () => {
  it('are read into the JSON that Go writes for the same object', () => {
    for (const { json, protobuf } of fixtures) {
      const { apiVersion, kind } = json;
      const schema = findKindSchema(apiVersion, kind);
      assert.ok(schema, `${apiVersion} ${kind}`);
      const read = decodeProtobuf(Buffer.from(protobuf, 'base64'));
      assert.deepEqual(decodeObject(schema, read, []), json, `${apiVersion} ${kind}`);
    }
  });

  it('are written with the bytes that Go writes', () => {
    for (const { json, protobuf } of fixtures)
      assert.equal(
        encodeProtobuf(json)?.toString('base64'),
        protobuf,
        `${json.apiVersion} ${json.kind}`,
      );
  });

  it('survive decoding as JSON unchanged, with nothing unknown in them', () => {
    for (const { json } of fixtures) {
      const schema = findKindSchema(json.apiVersion, json.kind);
      const unknown: string[] = [];
      assert.ok(schema);
      assert.deepEqual(decodeObject(schema, { ...json }, unknown), json);
      assert.deepEqual(unknown, []);
    }
  });

  it('are refused with an error, and never with a wrong object, wherever they are cut', () => {
    const { protobuf } = fixtures.find(({ json }) => json.kind === 'Pod') as Fixture;
    const bytes = Buffer.from(protobuf, 'base64');
    // Up to there the envelope names a kind and has no message, which is an empty object.
    const start = bytes.indexOf('Pod') + 4;
    for (let length = start; length < bytes.length - 4; length++)
      assert.throws(() => decodeProtobuf(bytes.subarray(0, length)), Error, `${length} bytes`);
  });
});

describe('A frame of a watch in protobuf', () => {
  it('is its length in four bytes and an event around the object', () => {
    const frame = frameWatchEvent('ADDED', Buffer.from('xyz'));
    assert.equal(frame.toString('hex'), '0000000e0a05414444454412050a0378797a');
  });
});
