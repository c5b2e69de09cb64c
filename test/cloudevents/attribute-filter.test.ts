import assert from 'node:assert/strict';
import type { TriggerFilters } from '../../runtime/cloudevents/attribute-filter.ts';
import { compileTriggerFilter } from '../../runtime/cloudevents/attribute-filter.ts';
import { makeEvent } from '../../runtime/cloudevents/cloud-event.ts';

const event = makeEvent({
  id: '1',
  source: '/shop/orders',
  type: 'com.acme.order.created',
  dataContentType: 'application/json; charset=utf-8',
  extensions: { total: 250, region: 'eu' },
});

const rows: readonly (readonly [string, TriggerFilters, boolean])[] = [
  ['nothing at all', {}, true],
  ['empty attributes', { filter: { attributes: {} } }, true],
  ['an equal attribute', { filter: { attributes: { type: 'com.acme.order.created' } } }, true],
  ['a different attribute', { filter: { attributes: { type: 'x' } } }, false],
  ['another case', { filter: { attributes: { region: 'EU' } } }, false],
  ['"" on a present attribute', { filter: { attributes: { region: '' } } }, true],
  ['"" on an absent attribute', { filter: { attributes: { subject: '' } } }, false],
  ['a number by its text', { filter: { attributes: { total: '250' } } }, true],
  [
    'the media type without parameters',
    { filter: { attributes: { datamediatype: 'application/json' } } },
    true,
  ],
  [
    'filters over filter',
    { filter: { attributes: { type: 'x' } }, filters: [{ exact: { region: 'eu' } }] },
    true,
  ],
  ['filter where filters is empty', { filter: { attributes: { type: 'x' } }, filters: [] }, false],
  [
    'exact with two attributes, one wrong',
    { filters: [{ exact: { region: 'eu', type: 'x' } }] },
    false,
  ],
  ['prefix', { filters: [{ prefix: { type: 'com.acme.' } }] }, true],
  ['prefix on an absent attribute', { filters: [{ prefix: { subject: 'a' } }] }, false],
  ['suffix', { filters: [{ suffix: { source: '/orders' } }] }, true],
  [
    'two filters, one wrong',
    { filters: [{ exact: { region: 'eu' } }, { suffix: { type: '.deleted' } }] },
    false,
  ],
  [
    'all',
    { filters: [{ all: [{ exact: { region: 'eu' } }, { prefix: { type: 'com.' } }] }] },
    true,
  ],
  [
    'any',
    { filters: [{ any: [{ exact: { region: 'us' } }, { prefix: { type: 'com.' } }] }] },
    true,
  ],
  [
    'any, none right',
    { filters: [{ any: [{ exact: { region: 'us' } }, { exact: { region: 'cn' } }] }] },
    false,
  ],
  ['not', { filters: [{ not: { exact: { region: 'eu' } } }] }, false],
  ['not of an absent attribute', { filters: [{ not: { exact: { subject: 'x' } } }] }, true],
  ['not of a filter without content', { filters: [{ not: {} }] }, true],
  ['an empty any', { filters: [{ any: [] }] }, true],
  ['an empty value', { filters: [{ exact: { region: '' } }] }, true],
  ['cesql', { filters: [{ cesql: 'total > 100' }] }, true],
  ['cesql that is false', { filters: [{ cesql: 'total > 300' }] }, false],
  ['cesql with an error beside TRUE', { filters: [{ cesql: "missing = 'x' OR TRUE" }] }, false],
  ['cesql that is no Boolean', { filters: [{ cesql: 'total' }] }, false],
  ['an empty cesql', { filters: [{ cesql: ' ' }] }, true],
];

describe('a trigger filter', () => {
  for (const [what, spec, passes] of rows)
    it(`${passes ? 'passes' : 'stops'} the event with ${what}`, () => {
      assert.equal(compileTriggerFilter(spec)(event), passes);
    });
});
