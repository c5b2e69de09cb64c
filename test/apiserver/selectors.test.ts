import assert from 'node:assert/strict';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import { matchesFields, parseFieldSelector } from '../../runtime/apiserver/field-selector.ts';
import {
  formatLabelSelector,
  matchesLabels,
  parseLabelSelector,
} from '../../runtime/apiserver/label-selector.ts';
import { StatusError } from '../../runtime/apiserver/status-error.ts';

const isBadRequest = (error: unknown): boolean =>
  error instanceof StatusError && error.status.code === 400;

describe('label selector', () => {
  const labels = { app: 'web', tier: 'front', 'knit.dev/service': 'shop', size: '5' };
  const rows: readonly [selector: string, matches: boolean][] = [
    ['', true],
    ['app=web', true],
    ['app==web', true],
    ['app = api', false],
    ['app!=api', true],
    ['absent!=x', true],
    ['app in (api, web)', true],
    ['app notin (api,web)', false],
    ['absent notin (a)', true],
    ['absent in (a)', false],
    ['tier', true],
    ['!tier', false],
    ['!absent', true],
    ['knit.dev/service=shop,tier in (front,back),!absent', true],
    ['knit.dev/service=shop,tier=back', false],
    ['size>4', true],
    ['size<5', false],
    ['empty=', false],
  ];
  for (const [selector, matches] of rows)
    it(`${matches ? 'matches' : 'does not match'} by ${JSON.stringify(selector)}`, () =>
      assert.equal(matchesLabels(parseLabelSelector(selector), labels), matches));

  for (const selector of ['app=web=x', 'app in web', '=x', 'a,,b', 'app in (a', 'size>big', 'a b'])
    it(`refuses ${JSON.stringify(selector)} with 400`, () =>
      assert.throws(() => parseLabelSelector(selector), isBadRequest));

  it('does not match labels of the prototype', () =>
    assert.equal(matchesLabels(parseLabelSelector('constructor'), {}), false));

  it('prints the object form as a string', () =>
    assert.equal(
      formatLabelSelector({
        matchLabels: { b: '2', a: '1' },
        matchExpressions: [
          { key: 'c', operator: 'In', values: ['x', 'y'] },
          { key: 'd', operator: 'DoesNotExist' },
        ],
      }),
      'a=1,b=2,c in (x,y),!d',
    ));
});

describe('field selector', () => {
  const pods = { group: '', plural: 'pods' };
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'ns' },
    spec: { nodeName: 'knit' },
    status: { phase: 'Running' },
  } as KubeObject;
  const rows: readonly [selector: string, matches: boolean][] = [
    ['metadata.name=p', true],
    ['metadata.name!=p', false],
    ['metadata.namespace=ns,status.phase!=Failed', true],
    ['spec.nodeName==other', false],
    ['status.podIP=', true],
  ];
  for (const [selector, matches] of rows)
    it(`${matches ? 'matches' : 'does not match'} by ${selector}`, () =>
      assert.equal(matchesFields(parseFieldSelector(selector, pods), pod), matches));

  it('refuses a field that the kind cannot be selected by', () =>
    assert.throws(() => parseFieldSelector('spec.image=x', pods), isBadRequest));
});
