/** Pruning, defaults and CEL rules of structural schemas, row by row. */
import assert from 'node:assert/strict';
import type { JsonSchema, ValidationRule } from '../../../runtime/apis/apiextensions/types.ts';
import { runRules } from '../../../runtime/apiserver/crd/cel-rules.ts';
import {
  compilePattern,
  explainPattern,
} from '../../../runtime/apiserver/crd/regular-expression.ts';
import { validateListTypes } from '../../../runtime/apiserver/crd/list-types.ts';
import { validateSchema } from '../../../runtime/apiserver/crd/structural-schema.ts';
import { applySchemaDefaults } from '../../../runtime/apiserver/crd/defaulting.ts';
import { pruneObject } from '../../../runtime/apiserver/crd/pruning.ts';
import { validateValue } from '../../../runtime/apiserver/crd/validate-value.ts';
import { compareVersions } from '../../../runtime/apiserver/crd/version-priority.ts';

const object = (properties: Record<string, JsonSchema>, more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  properties,
  ...more,
});
const text: JsonSchema = { type: 'string' };
const preserve = { 'x-kubernetes-preserve-unknown-fields': true };

describe('Pruning', () => {
  const rows: [string, JsonSchema, object, object, string[]][] = [
    ['drops what no property names', object({ a: text }), { a: 'x', b: 1 }, { a: 'x' }, ['b']],
    [
      'keeps type and metadata of the root',
      object({}),
      { apiVersion: 'v1', kind: 'K', metadata: { name: 'n' }, x: 1 },
      { apiVersion: 'v1', kind: 'K', metadata: { name: 'n' } },
      ['x'],
    ],
    [
      'looks into lists and maps',
      object({
        list: { type: 'array', items: object({ a: text }) },
        map: { type: 'object', additionalProperties: object({ a: text }) },
      }),
      { list: [{ a: 'x', b: 1 }], map: { k: { a: 'x', b: 1 } } },
      { list: [{ a: 'x' }], map: { k: { a: 'x' } } },
      ['list[0].b', 'map.k.b'],
    ],
    [
      'keeps unknown fields where it is told to, and prunes known ones there',
      object({ free: object({ known: object({}) }, preserve) }),
      { free: { any: { b: 1 }, known: { b: 1 } } },
      { free: { any: { b: 1 }, known: {} } },
      ['free.known.b'],
    ],
    [
      'keeps the metadata of an embedded object',
      object({ template: object({}, { 'x-kubernetes-embedded-resource': true }) }),
      { template: { metadata: { name: 'n' }, spec: {} } },
      { template: { metadata: { name: 'n' } } },
      ['template.spec'],
    ],
  ];
  for (const [what, schema, given, wanted, paths] of rows)
    it(what, () => {
      const removed: string[] = [];
      assert.deepEqual(pruneObject(given, schema, removed), wanted);
      assert.deepEqual(removed, paths);
    });

  it('returns the object itself when nothing has to go', () => {
    const given = { a: 'x' };
    assert.equal(pruneObject(given, object({ a: text })), given);
  });
});

describe('Defaulting', () => {
  const schema = object({
    a: { type: 'string', default: 'x' },
    inner: object({ b: { type: 'integer', default: 1 } }, { default: {} }),
    unset: object({ b: { type: 'integer', default: 1 } }),
    list: { type: 'array', items: object({ c: { type: 'string', default: 'y' } }) },
    nothing: { type: 'string', nullable: true, default: 'z' },
  });

  it('fills in what is missing, in defaults too, and creates no parents', () => {
    assert.deepEqual(applySchemaDefaults({ list: [{}], nothing: null }, schema), {
      a: 'x',
      inner: { b: 1 },
      list: [{ c: 'y' }],
      nothing: null,
    });
  });

  it('replaces null where null is not allowed', () => {
    assert.equal(applySchemaDefaults<{ a: unknown }>({ a: null }, schema).a, 'x');
  });
});

describe('Validation of values', () => {
  const rows: [string, unknown, JsonSchema, string[]][] = [
    ['takes a whole number for an int-or-string', 5, { 'x-kubernetes-int-or-string': true }, []],
    ['takes null where it may be', null, { type: 'string', nullable: true }, []],
    ['takes 0.3 as a multiple of 0.1', 0.3, { type: 'number', multipleOf: 0.1 }, []],
    [
      'counts characters, not code units',
      '👍👍',
      { type: 'string', maxLength: 1 },
      ['Too long: may not be more than 1 byte'],
    ],
    [
      'wants one of several',
      'c',
      { anyOf: [{ enum: ['a'] }, { enum: ['b'] }] },
      [
        'Invalid value: "": "at" must validate at least one schema (anyOf)',
        'Unsupported value: "c": supported values: "a"',
      ],
    ],
    [
      'wants exactly one',
      'a',
      { oneOf: [{ enum: ['a'] }, { minLength: 1 }] },
      [
        'Invalid value: "": "at" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      ],
    ],
    [
      'wants what it must not be',
      'a',
      { not: { enum: ['a'] } },
      ['Invalid value: "": "at" must not validate the schema (not)'],
    ],
    [
      'knows formats',
      '300.1.1.1',
      { type: 'string', format: 'ipv4' },
      ['Invalid value: "300.1.1.1": at in body must be of type ipv4: "300.1.1.1"'],
    ],
  ];
  for (const [what, value, schema, wanted] of rows)
    it(what, () => {
      assert.deepEqual(
        validateValue(value, schema, 'at').map(({ message }) => message),
        wanted,
      );
    });
});

describe('Patterns', () => {
  it('take no exponential time, whatever the text', () => {
    // A search that tries every way to divide the letters would not end in a lifetime.
    const hostile = `${'a'.repeat(5_000)}1`;
    for (const pattern of ['^(a+)+$', '^(?:[a-z]+)*$', '^(a|aa)+$'])
      assert.equal(compilePattern(pattern)?.test(hostile), false);
  });

  it('are none where they look around or back, as for RE2', () => {
    for (const pattern of ['(?=a)', '(?<!a)b', String.raw`(a)\1`])
      assert.equal(compilePattern(pattern), undefined);
    assert.equal(
      explainPattern('a(?!b)'),
      'error parsing regexp: invalid or unsupported Perl syntax: `(?!`',
    );
  });

  it('may have flags, names and letters of any script', () => {
    assert.equal(compilePattern('(?i)^(?P<x>AB)$')?.test('ab'), true);
    assert.equal(compilePattern(String.raw`^\p{L}+$`)?.test('äß'), true);
  });
});

describe('List types', () => {
  const set: JsonSchema = { type: 'array', 'x-kubernetes-list-type': 'set', items: text };
  it('hold a set to one of each, and name what is there too often once', () => {
    assert.deepEqual(
      validateListTypes({ a: ['x', 'y', 'x', 'x'] }, object({ a: set })).map(
        ({ paths, message }) => [paths, message],
      ),
      [[['a[2]'], 'Duplicate value: "x"']],
    );
  });
});

describe('CEL rules', () => {
  const fields: Record<string, JsonSchema> = {
    n: { type: 'integer' },
    s: text,
    'dash-ed': text,
    list: { type: 'array', items: object({ name: text }) },
    names: { type: 'array', items: text },
    map: { type: 'object', additionalProperties: { type: 'integer' } },
    time: { type: 'string', format: 'date-time' },
    either: { 'x-kubernetes-int-or-string': true },
  };
  const withRule = (rule: ValidationRule): JsonSchema =>
    object({ spec: object(fields, { 'x-kubernetes-validations': [rule] }) });

  const rows: [string, object, boolean][] = [
    ['self.n > 2', { n: 3 }, true],
    ['self.n > 2', { n: 2 }, false],
    ['!has(self.n) || self.n > 2', {}, true],
    ['self.dash__dash__ed == "x"', { 'dash-ed': 'x' }, true],
    ['self.list.all(i, i.name.startsWith("a"))', { list: [{ name: 'ab' }, { name: 'b' }] }, false],
    ['has(self.list[0].name)', { list: [{}] }, false],
    ['self.map.all(k, self.map[k] > 0)', { map: { a: 1, b: 2 } }, true],
    ['self.names.isSorted()', { names: ['b', 'a'] }, false],
    ['self.names.indexOf("b") == 1', { names: ['a', 'b'] }, true],
    ['self.s.find("[0-9]+") == "12"', { s: 'a12b' }, true],
    ['self.s.replace("a", "b") == "bb"', { s: 'aa' }, true],
    ['url(self.s).getHost() == "example.com:80"', { s: 'https://example.com:80/x' }, true],
    ['isURL(self.s)', { s: 'no' }, false],
    ['quantity(self.s).isGreaterThan(quantity("1Gi"))', { s: '1025Mi' }, true],
    ['self.time < timestamp("2026-01-01T00:00:00Z")', { time: '2025-01-01T00:00:00Z' }, true],
    ['type(self.either) == int ? self.either > 0 : self.either == "all"', { either: 'all' }, true],
    ['"%s-%d".format([self.s, self.n]) == "a-1"', { s: 'a', n: 1 }, true],
  ];
  for (const [rule, spec, holds] of rows)
    it(`find that ${rule} is ${holds} of ${JSON.stringify(spec)}`, () => {
      const schema = withRule({ rule });
      assert.deepEqual(validateSchema(schema, 'schema'), []);
      const errors = runRules({ spec }, undefined, schema);
      assert.deepEqual(
        errors.map(({ message }) => message),
        holds ? [] : [`Invalid value: failed rule: ${rule}`],
      );
    });

  it('run with oldSelf on updates only, unless they take an optional one', () => {
    const immutable = withRule({ rule: 'self.n == oldSelf.n' });
    assert.deepEqual(runRules({ spec: { n: 1 } }, undefined, immutable), []);
    assert.equal(runRules({ spec: { n: 1 } }, { spec: { n: 2 } }, immutable).length, 1);
    const optional = withRule({
      rule: 'oldSelf.hasValue() || self.n == 1',
      optionalOldSelf: true,
    });
    assert.equal(runRules({ spec: { n: 2 } }, undefined, optional).length, 1);
    assert.deepEqual(runRules({ spec: { n: 2 } }, { spec: { n: 3 } }, optional), []);
  });

  it('do not judge again what did not change', () => {
    const schema = withRule({ rule: 'self.n > 2' });
    assert.deepEqual(runRules({ spec: { n: 1 } }, { spec: { n: 1 } }, schema), []);
  });

  it('end with an error when they would cost too much', () => {
    const names = Array.from({ length: 3_000 }, (_, index) => `n${index}`);
    const schema = withRule({ rule: 'self.names.all(a, self.names.exists(b, a == b))' });
    const [error] = runRules({ spec: { names } }, undefined, schema);
    assert.match(error?.message ?? '', /running out of cost budget/);
  });

  const broken: [string, RegExp][] = [
    ['self.nope == 1', /undefined field 'nope'/],
    ['self.n ==', /compilation failed/],
    ['self.n + "a" == "a"', /found no matching overload for '_\+_' applied to '\(int, string\)'/],
    ['self.n', /must evaluate to a bool/],
  ];
  for (const [rule, complaint] of broken)
    it(`are refused when they do not compile: ${rule}`, () => {
      const [error] = validateSchema(withRule({ rule }), 'schema');
      assert.deepEqual(error?.paths, ['schema.properties[spec].x-kubernetes-validations[0].rule']);
      assert.match(error?.message ?? '', complaint);
    });
});

describe('The order of API versions', () => {
  it('puts stable before beta before alpha, the newest first, and other names last', () => {
    const names = ['foo', 'v1alpha1', 'v2beta1', 'v1', 'v10', 'v1beta2', 'v2', 'v1beta1', 'bar'];
    assert.deepEqual(names.sort(compareVersions), [
      'v10',
      'v2',
      'v1',
      'v2beta1',
      'v1beta2',
      'v1beta1',
      'v1alpha1',
      'bar',
      'foo',
    ]);
  });
});
