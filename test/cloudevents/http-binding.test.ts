import assert from 'node:assert/strict';
import { CloudEvent as SdkEvent, HTTP } from 'cloudevents';
import fc from 'fast-check';
import type { CloudEvent } from '../../runtime/cloudevents/cloud-event.ts';
import { InvalidCloudEvent, makeEvent } from '../../runtime/cloudevents/cloud-event.ts';
import {
  decodeHttpEvent,
  encodeBinary,
  encodeStructured,
} from '../../runtime/cloudevents/http-binding.ts';
import { jsonMemberText } from '../../runtime/cloudevents/json-member-text.ts';

const required = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' };
const none = Buffer.alloc(0);
const structuredHeaders = { 'content-type': 'application/cloudevents+json' };
const structured = (members: unknown): CloudEvent =>
  decodeHttpEvent(
    structuredHeaders,
    Buffer.from(typeof members === 'string' ? members : JSON.stringify(members)),
  );
const core = { specversion: '1.0', id: '1', source: '/s', type: 't' };
const text = (event: CloudEvent): string | undefined =>
  event.data === undefined ? undefined : Buffer.from(event.data).toString();

describe('the HTTP binding', () => {
  describe('in binary mode', () => {
    it('reads attributes from ce- headers and leaves the body alone', () => {
      const body = Buffer.from([0, 255, 128]);
      const headers = { ...required, 'ce-ext1': 'x', 'content-type': 'application/octet-stream' };
      const event = decodeHttpEvent(headers, body);
      assert.equal(event.attributes.get('ext1'), 'x');
      assert.equal(event.attributes.get('datacontenttype'), 'application/octet-stream');
      assert.equal(event.data, body);
    });
    it('decodes one pass of percent-encoding and optional quotes', () => {
      const event = decodeHttpEvent(
        { ...required, 'ce-subject': 'caf%C3%A9%20%2525', 'ce-ext': '"a b"', 'ce-odd': '5%' },
        none,
      );
      assert.equal(event.attributes.get('subject'), 'café %25');
      assert.equal(event.attributes.get('ext'), 'a b');
      assert.equal(event.attributes.get('odd'), '5%');
    });
    it('leaves a URI alone that its sender did not encode, and decodes one that it did', () => {
      const sourceOf = (raw: string): unknown =>
        decodeHttpEvent({ ...required, 'ce-source': raw }, none).attributes.get('source');
      assert.equal(sourceOf('http://x/a%2Fb%20c'), 'http://x/a%2Fb%20c');
      assert.equal(sourceOf('http://x/a%252Fb'), 'http://x/a%2Fb');
    });
    it('encodes space, quote, percent and everything beyond ASCII', () => {
      const event = makeEvent({ id: '1', source: '/s', type: 't', extensions: { ext: 'é "1%' } });
      assert.equal(encodeBinary(event).headers['ce-ext'], '%C3%A9%20%221%25');
    });
    it('keeps version 0.3 as it is', () => {
      const event = decodeHttpEvent(
        { ...required, 'ce-specversion': '0.3', 'ce-schemaurl': 'http://x/y' },
        none,
      );
      assert.equal(encodeBinary(event).headers['ce-specversion'], '0.3');
      assert.equal(encodeBinary(event).headers['ce-schemaurl'], 'http://x/y');
    });
  });

  describe('in structured mode', () => {
    it('cuts JSON data out exactly as it was written', () => {
      const json = `{"specversion":"1.0","data" : {"n": 12345678901234567890.10, "s":"}\\"" } ,"id":"1","source":"/s","type":"t"}`;
      const event = structured(json);
      assert.equal(text(event), '{"n": 12345678901234567890.10, "s":"}\\"" }');
      assert.match(
        Buffer.from(encodeStructured(event).body ?? []).toString(),
        /12345678901234567890\.10/,
      );
    });
    it('implies application/json where no content type is given', () => {
      const event = structured({ ...core, data: 'text' });
      assert.equal(text(event), '"text"');
      assert.equal(event.attributes.get('datacontenttype'), 'application/json');
    });
    it('takes a string as the text itself for other content types', () => {
      assert.equal(text(structured({ ...core, datacontenttype: 'text/plain', data: 'hi' })), 'hi');
    });
    it('decodes data_base64, and data of 0.3 that says base64', () => {
      assert.equal(text(structured({ ...core, data_base64: 'aGk=' })), 'hi');
      const old = { ...core, specversion: '0.3', datacontentencoding: 'base64', data: 'aGk=' };
      assert.equal(text(structured(old)), 'hi');
    });
    it('treats null members as absent and keeps numbers and booleans typed', () => {
      const event = structured({ ...core, subject: null, n: 5, b: true });
      assert.equal(event.attributes.has('subject'), false);
      assert.equal(event.attributes.get('n'), 5);
      assert.equal(event.attributes.get('b'), true);
    });
    it('writes binary data as base64 and broken JSON too', () => {
      const event = makeEvent({
        id: '1',
        source: '/s',
        type: 't',
        dataContentType: 'application/json',
        data: Buffer.from('{oops'),
      });
      const json = JSON.parse(Buffer.from(encodeStructured(event).body ?? []).toString()) as Record<
        string,
        unknown
      >;
      assert.equal(json['data_base64'], Buffer.from('{oops').toString('base64'));
    });
  });

  describe('refuses, with the reason,', () => {
    const binary: readonly (readonly [string, Record<string, string>, RegExp])[] = [
      ['plain HTTP', { 'content-type': 'application/json' }, /not a CloudEvent/],
      ['a batch', { 'content-type': 'application/cloudevents-batch+json' }, /batch/],
      ['another format', { 'content-type': 'application/cloudevents+avro' }, /JSON format/],
      ['an unknown version', { ...required, 'ce-specversion': '2.0' }, /specversion/],
      [
        'a missing id',
        { 'ce-specversion': '1.0', 'ce-source': '/s', 'ce-type': 't' },
        /id: missing/,
      ],
      ['an empty source', { ...required, 'ce-source': '' }, /source: empty/],
      ['a source with a space', { ...required, 'ce-source': 'a b' }, /source/],
      ['an empty subject', { ...required, 'ce-subject': '' }, /subject/],
      ['a malformed time', { ...required, 'ce-time': 'yesterday' }, /time/],
      ['the 31st of February', { ...required, 'ce-time': '2024-02-31T00:00:00Z' }, /time/],
      ['a relative dataschema', { ...required, 'ce-dataschema': 'x' }, /dataschema/],
      ['an invalid media type', { ...required, 'content-type': 'json' }, /datacontenttype/],
      ['an attribute name with an underscore', { ...required, 'ce-a_b': '1' }, /a_b/],
      ['a control character', { ...required, 'ce-ext': 'a%00b' }, /control/],
      ['bytes that are not UTF-8', { ...required, 'ce-ext': '%FF' }, /UTF-8/],
    ];
    for (const [what, headers, reason] of binary)
      it(what, () => {
        assert.throws(
          () => decodeHttpEvent(headers, none),
          (error: Error) => {
            assert(error instanceof InvalidCloudEvent);
            assert.match(error.message, reason);
            return true;
          },
        );
      });
    const bodies: readonly (readonly [string, unknown, RegExp])[] = [
      ['a body that is not JSON', '{', /not JSON/],
      ['an array', [core], /object/],
      ['both kinds of data', { ...core, data: 1, data_base64: 'aGk=' }, /only one/],
      ['data_base64 that is none', { ...core, data_base64: '*' }, /base64/],
      ['an object as attribute', { ...core, ext: {} }, /ext/],
      ['a fraction as attribute', { ...core, ext: 1.5 }, /32-bit/],
      ['a name in capitals', { ...core, Ext: 'x' }, /Ext/],
    ];
    for (const [what, body, reason] of bodies)
      it(what, () => {
        assert.throws(() => structured(body), reason);
      });
  });

  describe('held against the cloudevents SDK', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,12}$/).filter((n) => !RESERVED.has(n));
    // The SDK neither encodes nor decodes header values, so the comparison stays within plain ones.
    const plain = fc.stringMatching(/^[A-Za-z0-9./:_-]{1,20}$/);
    const sample = fc.record({
      id: plain,
      source: fc.webUrl().filter((url) => !url.includes('%')),
      type: plain,
      extensions: fc.dictionary(name, plain, { maxKeys: 4, noNullPrototype: true }),
      // The SDK sends a bare string as it is, quotes or not, so the comparison is of objects.
      data: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.jsonValue(), {
        noNullPrototype: true,
      }),
    });
    const sdkEvent = (s: {
      id: string;
      source: string;
      type: string;
      extensions: object;
      data: unknown;
    }): SdkEvent<unknown> =>
      new SdkEvent({
        id: s.id,
        source: s.source,
        type: s.type,
        datacontenttype: 'application/json',
        ...s.extensions,
        data: s.data,
      });
    const sameAttributes = (event: CloudEvent, sdk: SdkEvent<unknown>): void => {
      const {
        data: _data,
        data_base64: _base64,
        ...expected
      } = JSON.parse(JSON.stringify(sdk)) as Record<string, unknown>;
      const { time, ...actual } = Object.fromEntries(event.attributes) as Record<string, unknown>;
      const { time: expectedTime, ...rest } = expected;
      assert.deepEqual(actual, rest);
      assert.equal(new Date(String(time)).getTime(), new Date(String(expectedTime)).getTime());
    };

    it('reads what the SDK writes, in both modes', () => {
      fc.assert(
        fc.property(sample, (s) => {
          const sdk = sdkEvent(s);
          for (const message of [HTTP.binary(sdk), HTTP.structured(sdk)]) {
            const headers = Object.fromEntries(
              Object.entries(message.headers).map(([key, value]) => [
                key.toLowerCase(),
                String(value),
              ]),
            );
            const raw = message.body as string | undefined;
            const body = Buffer.from(typeof raw === 'string' ? raw : JSON.stringify(raw ?? null));
            const event = decodeHttpEvent(headers, body);
            sameAttributes(event, sdk);
            assert.deepEqual(JSON.parse(text(event) ?? 'null'), JSON.parse(JSON.stringify(s.data)));
          }
        }),
        { numRuns: 100 },
      );
    });

    it('writes what the SDK reads, in both modes', () => {
      fc.assert(
        fc.property(sample, (s) => {
          const event = makeEvent({
            id: s.id,
            source: s.source,
            type: s.type,
            dataContentType: 'application/json',
            data: Buffer.from(JSON.stringify(s.data)),
            extensions: { time: '2024-05-01T12:00:00Z', ...s.extensions },
          });
          for (const { headers, body } of [encodeBinary(event), encodeStructured(event)]) {
            const sdk = HTTP.toEvent({
              headers,
              body: Buffer.from(body ?? []).toString(),
            }) as SdkEvent<unknown>;
            sameAttributes(event, sdk);
          }
        }),
        { numRuns: 100 },
      );
    });
  });

  it('brings any attribute text and any bytes through both modes unchanged', () => {
    const value = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      // oxlint-disable-next-line no-control-regex -- what the String type excludes
      .filter((s) => !/[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u.test(s));
    fc.assert(
      fc.property(value, fc.uint8Array({ minLength: 1, maxLength: 64 }), (ext, bytes) => {
        const event = makeEvent({
          id: ext,
          source: '/s',
          type: ext,
          dataContentType: 'application/x-test',
          data: bytes,
          extensions: { ext },
        });
        for (const message of [encodeBinary(event), encodeStructured(event)]) {
          const back = decodeHttpEvent(message.headers, Buffer.from(message.body ?? []));
          assert.deepEqual(
            Object.fromEntries(back.attributes),
            Object.fromEntries(event.attributes),
          );
          assert.deepEqual(Buffer.from(back.data ?? []), Buffer.from(bytes));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('finds the text of a member in any JSON object', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
        fc.nat(4),
        (object, indent) => {
          const json = JSON.stringify(object, undefined, indent);
          for (const [key, value] of Object.entries(object))
            assert.deepEqual(
              JSON.parse(jsonMemberText(json, key) ?? 'undefined'),
              JSON.parse(JSON.stringify(value)),
            );
          assert.equal(jsonMemberText(json, 'no such member'), undefined);
        },
      ),
      { numRuns: 200 },
    );
  });
});

const RESERVED = new Set([
  'id',
  'source',
  'type',
  'specversion',
  'time',
  'subject',
  'data',
  'dataschema',
  'datacontenttype',
  'schemaurl',
  'datacontentencoding',
  'extensions',
  'strict',
]);
