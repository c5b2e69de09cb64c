import assert from 'node:assert/strict';
import {
  getCondition,
  initializeConditions,
  livingConditionSet,
  markFalse,
  markTrue,
  markUnknown,
} from '../../../runtime/apis/meta/condition.ts';
import type { Conditions } from '../../../runtime/apis/meta/condition.ts';

const set = livingConditionSet('A', 'B');
const T1 = '2026-01-01T00:00:01Z';
const T2 = '2026-01-01T00:00:02Z';
const T3 = '2026-01-01T00:00:03Z';

const statusOf = (conditions: Conditions, type: string): string | undefined =>
  getCondition(conditions, type)?.status;

describe('A living condition set of Ready <- A, B', () => {
  it('starts with everything Unknown, sorted by type', () => {
    const conditions = initializeConditions(set, undefined, T1);
    assert.deepEqual(
      conditions.map(({ type, status }) => `${type}=${status}`),
      ['A=Unknown', 'B=Unknown', 'Ready=Unknown'],
    );
  });

  it('is Ready when the last dependent turns True', () => {
    let conditions = initializeConditions(set, undefined, T1);
    conditions = markTrue(set, conditions, 'A', T2);
    assert.equal(statusOf(conditions, 'Ready'), 'Unknown');
    conditions = markTrue(set, conditions, 'B', T2);
    assert.equal(statusOf(conditions, 'Ready'), 'True');
  });

  it('takes the reason of the dependent that failed last', () => {
    let conditions = initializeConditions(set, undefined, T1);
    conditions = markFalse(set, conditions, 'A', { reason: 'First', message: '1', now: T1 });
    conditions = markFalse(set, conditions, 'B', { reason: 'Second', message: '2', now: T2 });
    assert.equal(getCondition(conditions, 'Ready')?.reason, 'Second');
    conditions = markTrue(set, conditions, 'B', T3);
    assert.equal(statusOf(conditions, 'Ready'), 'False');
    assert.equal(getCondition(conditions, 'Ready')?.reason, 'First');
  });

  it('stays False when another dependent turns Unknown', () => {
    let conditions = initializeConditions(set, undefined, T1);
    conditions = markFalse(set, conditions, 'A', { reason: 'Broken', message: '', now: T1 });
    conditions = markUnknown(set, conditions, 'B', { reason: 'Busy', message: '', now: T2 });
    assert.equal(statusOf(conditions, 'Ready'), 'False');
  });

  it('gives conditions that are no dependents the severity Info and keeps them out of Ready', () => {
    let conditions = initializeConditions(set, undefined, T1);
    for (const type of ['A', 'B']) conditions = markTrue(set, conditions, type, T1);
    conditions = markFalse(set, conditions, 'Active', {
      reason: 'NoTraffic',
      message: '',
      now: T2,
    });
    assert.equal(getCondition(conditions, 'Active')?.severity, 'Info');
    assert.equal(statusOf(conditions, 'Ready'), 'True');
  });

  it('moves the transition time only when something else of the condition changes', () => {
    let conditions = initializeConditions(set, undefined, T1);
    conditions = markTrue(set, conditions, 'A', T2);
    conditions = markTrue(set, conditions, 'A', T3);
    assert.equal(getCondition(conditions, 'A')?.lastTransitionTime, T2);
  });
});
