/** CESQL by clause: expression, attributes, value, kinds of errors. Own cases; the clauses are those of CloudEvents CESQL 1.0.0. */
import assert from 'node:assert/strict';
import { compileCesql } from '../../runtime/cloudevents/cesql/compile.ts';
import { CesqlSyntaxError } from '../../runtime/cloudevents/cesql/syntax.ts';

type Value = string | number | boolean;
type Row = readonly [expression: string, value: Value, errors?: readonly string[]];

const attributes: Readonly<Record<string, Value>> = {
  id: 'a-1',
  source: 'https://shop.example/orders',
  type: 'com.acme.order.created',
  specversion: '1.0',
  subject: 'order/7',
  sequence: '10',
  hop: '3',
  ttl: '12',
  total: 250,
  paid: true,
  flag: 'TRUE',
  quoted: "it's",
};

const clauses: Readonly<Record<string, readonly Row[]>> = {
  '2.2 literals': [
    ['1', 1],
    ['-1', -1],
    ['+7', 7],
    ['2147483647', 2147483647],
    ['-2147483648', -2147483648],
    ['TRUE', true],
    ['false', false],
    ["'abc'", 'abc'],
    ['"abc"', 'abc'],
    ["'it\\'s'", "it's"],
    ['"say \\"hi\\""', 'say "hi"'],
    ["'mixed \" quotes'", 'mixed " quotes'],
    ["''", ''],
  ],
  '3.2 attributes': [
    ['id', 'a-1'],
    ['subject', 'order/7'],
    ['total', 250],
    ['missing', false, ['missingAttribute']],
    ["missing = ''", false, ['missingAttribute']],
    ["TRUE AND (missing = '')", false, ['missingAttribute']],
    ['NOT missing', false, ['missingAttribute']],
  ],
  '3.4.1 unary operators': [
    ['NOT TRUE', false],
    ['not false', true],
    ['NOT NOT TRUE', true],
    ["NOT 'true'", false],
    ["NOT 'no'", false, ['cast']],
    ['NOT 0', true],
    ['-sequence', -10],
    ['--5', 5],
    ["-'x'", 0, ['cast']],
    ['NOT paid = TRUE', false],
  ],
  '3.4.2 arithmetic': [
    ['1 + 2 * 3', 7],
    ['(1 + 2) * 3', 9],
    ['10 - 3 - 2', 5],
    ['7 / 2', 3],
    ['-7 / 2', -3],
    ['7 % 3', 1],
    ['-7 % 3', -1],
    ['7 % -3', 1],
    ['1 / 0', 0, ['math']],
    ['1 % 0', 0, ['math']],
    ['sequence + 1', 11],
    ["'x' + 1", 0, ['cast']],
    ['missing / 0', 0, ['missingAttribute']],
    ['1 / 0 + 5', 0, ['math']],
    ['-missing', 0, ['missingAttribute']],
    ['TRUE + 1', 2],
    ['2147483647 + 1', -2147483648],
    ['10-5', 5],
  ],
  '3.4.2 comparison': [
    ['1 = 1', true],
    ['1 != 1', false],
    ['1 <> 2', true],
    ["'a' = 'a'", true],
    ["'a' = 'A'", false],
    ['sequence = 10', true],
    ["total = '250'", true],
    ['hop < ttl', true],
    ['int(hop) < int(ttl) and int(hop) < 1000', true],
    ['total > 100', true],
    ['total >= 250', true],
    ['total <= 249', false],
    ['flag = TRUE', true],
    ['10 = sequence', true],
    ['subject = 1', false, ['cast']],
    ['subject < 1', false, ['cast']],
    ['1 + 1 = 2', true],
    ['1 < 2 = TRUE', true],
  ],
  '3.4.2 logic': [
    ['TRUE AND FALSE', false],
    ['TRUE OR FALSE', true],
    ['TRUE XOR TRUE', false],
    ['FALSE XOR TRUE', true],
    ['TRUE AND (1 != 1 / 0)', false, ['math']],
    ['FALSE AND (1 != 1 / 0)', false],
    ['FALSE OR missing', false, ['missingAttribute']],
    ['FALSE AND missing', false],
    ['TRUE OR missing', true],
    ["missing = 'x' OR subject = 'order/7'", true, ['missingAttribute']],
    ["EXISTS missing AND missing = 'x'", false],
    ['FALSE AND TRUE OR TRUE', false],
    ['(FALSE AND TRUE) OR TRUE', true],
  ],
  '3.4.3 LIKE': [
    ["'abc' LIKE 'a%'", true],
    ["'abc' LIKE '%c'", true],
    ["'abc' LIKE 'a_c'", true],
    ["'abc' LIKE 'b%'", false],
    ["'abc' NOT LIKE 'b%'", true],
    ["'' LIKE '%'", true],
    ["'' LIKE '_'", false],
    ["'50%' LIKE '50\\%'", true],
    ["'50x' LIKE '50\\%'", false],
    ["'a_c' LIKE 'a\\_c'", true],
    ["'abc' LIKE 'a\\_c'", false],
    ["'aXbXc' LIKE 'a%b%c'", true],
    ["'a.c' LIKE 'a.c'", true],
    ["'abc' LIKE 'a.c'", false],
    ["'a\u{1F600}c' LIKE 'a_c'", true],
    ["12 LIKE '1%'", true],
    ["missing LIKE '%'", false, ['missingAttribute']],
    ["type LIKE 'com.acme.%' AND source LIKE 'https://%'", true],
  ],
  '3.4.4 EXISTS': [
    ['EXISTS subject', true],
    ['EXISTS missing', false],
    ['EXISTS id', true],
    ['NOT EXISTS missing', true],
  ],
  '3.4.5 IN': [
    ["'a' IN ('a', 'b')", true],
    ["'c' IN ('a', 'b')", false],
    ["'c' NOT IN ('a', 'b')", true],
    ['sequence IN (9, 10)', true],
    ["10 IN ('9', '10')", true],
    ["10 IN ('x')", false, ['cast']],
    ['id IN (id, subject)', true],
    ["missing IN ('a')", false, ['missingAttribute']],
  ],
  '3.5.1 string functions': [
    ["LENGTH('abc')", 3],
    ["LENGTH('\u{1F600}')", 1],
    ['LENGTH(TRUE)', 4],
    ["concat('a', 1, TRUE)", 'a1true'],
    ['CONCAT()', ''],
    ["CONCAT_WS('-', 'a', 'b')", 'a-b'],
    ["CONCAT_WS('-')", ''],
    ["LOWER('AbC')", 'abc'],
    ["UPPER('AbC')", 'ABC'],
    ["TRIM('  a b ')", 'a b'],
    ["LEFT('abc', 2)", 'ab'],
    ["LEFT('abc', 9)", 'abc'],
    ["LEFT('abc', -1)", 'abc', ['functionEvaluation']],
    ["RIGHT('abc', 2)", 'bc'],
    ["RIGHT('abc', 0)", ''],
    ["RIGHT('abc', -1)", 'abc', ['functionEvaluation']],
    ["SUBSTRING('abcdef', 2)", 'bcdef'],
    ["SUBSTRING('abcdef', -2)", 'ef'],
    ["SUBSTRING('abcdef', 2, 3)", 'bcd'],
    ["SUBSTRING('abcdef', -5, 3)", 'bcd'],
    ["SUBSTRING('abcdef', 0)", ''],
    ["SUBSTRING('abcdef', 5, 10)", 'ef'],
    ["SUBSTRING('abc', 4)", '', ['functionEvaluation']],
    ["SUBSTRING('abc', -4)", '', ['functionEvaluation']],
    ["SUBSTRING('abc', 1, -1)", '', ['functionEvaluation']],
    ["NOPE('a')", false, ['missingFunction']],
    ['CONCAT_WS()', false, ['missingFunction']],
    ['TOSTRING(1)', false, ['missingFunction']],
  ],
  '3.5.2 ABS': [
    ['ABS(-3)', 3],
    ['ABS(3)', 3],
    ['ABS(-2147483648)', 2147483647, ['math']],
  ],
  '3.7 casting': [
    ["INT('12')", 12],
    ["INT('-3')", -3],
    ["INT('1.5')", 0, ['cast']],
    ["INT('99999999999')", 0, ['cast']],
    ['INT(TRUE)', 1],
    ["BOOL('True')", true],
    ["BOOL('yes')", false, ['cast']],
    ['BOOL(2)', true],
    ['STRING(12)', '12'],
    ['STRING(FALSE)', 'false'],
    ['LENGTH(sequence + 90)', 3],
  ],
};

describe('CESQL', () => {
  for (const [clause, rows] of Object.entries(clauses))
    describe(clause, () => {
      for (const [expression, value, errors = []] of rows)
        it(`${expression} is ${JSON.stringify(value)}${errors.length ? ` with ${errors.join()} error` : ''}`, () => {
          const result = compileCesql(expression).evaluate((name) => attributes[name]);
          assert.deepEqual(result.value, value);
          assert.deepEqual(
            result.errors.map(({ kind }) => kind),
            errors,
          );
        });
    });

  describe('2 syntax refuses', () => {
    const wrong = [
      '',
      'a =',
      '= a',
      "'open",
      '(1',
      '1)',
      'a b',
      'Subject = 1',
      'a_b = 1',
      '2147483648',
      'LIKE',
      'a LIKE b',
      "a LIKE 'x' 'y'",
      'a IN ()',
      'EXISTS',
      "EXISTS 'id'",
      'a IN b',
      'f(',
      'a # b',
      `${'('.repeat(500)}1${')'.repeat(500)}`,
      `'${'x'.repeat(9000)}'`,
    ];
    for (const text of wrong)
      it(text.slice(0, 30) || 'nothing', () => {
        assert.throws(() => compileCesql(text), CesqlSyntaxError);
      });
    it('and says where', () => {
      assert.throws(() => compileCesql('id = # 1'), { position: 5 });
    });
  });

  it('matches a hostile LIKE pattern in bounded time', () => {
    const text = 'a'.repeat(5000);
    const { value } = compileCesql(`subject LIKE '${'%a'.repeat(40)}%b'`).evaluate(() => text);
    assert.equal(value, false);
  });
});
