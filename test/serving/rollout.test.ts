/** Gradual rollout: the arithmetic against upstream's recorded results, and a Service from end to end. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getCondition } from '../../runtime/apis/meta/condition.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { routeKind, serviceKind } from '../../runtime/apis/serving/types.ts';
import type { Rollout } from '../../runtime/serving/route/rollout.ts';
import { observeReady, parseRollout, stepRollout } from '../../runtime/serving/route/rollout.ts';
import { rolloutCases } from '../apis/serving/upstream/rollout-cases.ts';
import { World, makeService } from './world.ts';

const NS_PER_MS = 1e6;

interface Recorded {
  readonly title: string;
  readonly results: readonly { readonly rollout: Rollout; readonly nextStepNs: number }[];
}

const recorded = JSON.parse(
  readFileSync(new URL('../apis/serving/upstream/rollouts.json', import.meta.url), 'utf8'),
) as readonly Recorded[];

/** Without what is nothing, and with times to the ms: Go counts in ns that a double cannot hold. */
function essence(rollout: Rollout): unknown {
  const inMs = (ns = 0): number => Math.round(ns / NS_PER_MS);
  return (rollout.configurations ?? []).map(
    ({ stepParams, tag = '', revisions = [], ...rest }) => ({
      ...rest,
      tag,
      revisions,
      starttime: inMs(stepParams.starttime),
      nextStepTime: inMs(stepParams.nextStepTime),
      stepDuration: inMs(stepParams.stepDuration),
      stepSize: stepParams.stepSize ?? 0,
    }),
  );
}

describe('A gradual rollout', () => {
  for (const [index, { title, steps }] of rolloutCases.entries())
    it(`goes as upstream's: ${title}`, () => {
      const theirs = recorded[index];
      assert.equal(theirs?.title, title);
      let before: Rollout | undefined;
      for (const [at, { goal, nowNs, observeReady: isReady, durationSeconds }] of steps.entries()) {
        const nowMs = nowNs / NS_PER_MS;
        if (before && isReady) before = observeReady(before, durationSeconds, nowMs);
        const { rollout, nextStepMs = 0 } = stepRollout(goal, before, nowMs);
        const expected: Recorded['results'][number] | undefined = theirs?.results[at];
        assert.deepEqual(essence(rollout), essence(expected?.rollout ?? {}), `step ${at}`);
        assert.equal(Math.round(nextStepMs), Math.round((expected?.nextStepNs ?? 0) / NS_PER_MS));
        before = parseRollout(JSON.stringify(rollout));
      }
    });

  it('starts from nothing when its state cannot be one', () => {
    for (const text of ['', 'x', 'null', '{"configurations":[{"percent":101}]}'])
      assert.equal(parseRollout(text), undefined, text);
  });
});

describe('A Service with a rollout duration', () => {
  const annotations = { 'serving.knative.dev/rollout-duration': '1000s' };

  function rolled(): World {
    const world = new World();
    world.put(serviceKind, makeService('hello', { annotations }));
    world.settle();
    world.put(serviceKind, makeService('hello', { annotations, image: 'knit.local/hello:2' }));
    world.settle();
    return world;
  }
  const sharesOf = (world: World): unknown =>
    world
      .must(ingressKind, 'hello')
      .spec.rules[0]?.http.paths[0]?.splits.map(({ serviceName, percent }) => [
        serviceName,
        percent,
      ]);
  const readinessOf = (world: World): unknown[] => {
    const ready = getCondition(world.must(serviceKind, 'hello').status?.conditions, 'Ready');
    return [ready?.status, ready?.reason ?? ''];
  };

  it('gives its first revision everything at once', () => {
    const world = new World();
    world.put(serviceKind, makeService('hello', { annotations }));
    world.settle();
    assert.deepEqual(sharesOf(world), [['hello-00001', 100]]);
    assert.deepEqual(readinessOf(world), ['True', '']);
  });

  it('begins with one per cent for the second, and is not Ready meanwhile', () => {
    const world = rolled();
    assert.deepEqual(sharesOf(world), [
      ['hello-00001', 99],
      ['hello-00002', 1],
    ]);
    assert.deepEqual(readinessOf(world), ['Unknown', 'RolloutInProgress']);
    assert.deepEqual(
      world
        .must(serviceKind, 'hello')
        .status?.traffic?.map(({ revisionName, percent }) => [revisionName, percent]),
      sharesOf(world),
    );
  });

  it('moves on when its time has come, until the second has it all', () => {
    const world = rolled();
    const { requeueAfterMs = 0 } = world.planOfRoute(world.must(routeKind, 'hello'));
    assert.ok(requeueAfterMs > 0 && requeueAfterMs < 20_000, String(requeueAfterMs));
    const shares: number[] = [];
    for (let round = 0; round < 130 && readinessOf(world)[0] !== 'True'; round += 1) {
      world.nowMs += 10_000;
      world.settle();
      const [, percent = 0] = (sharesOf(world) as [string, number][]).at(-1) ?? [];
      shares.push(percent);
    }
    assert.deepEqual(sharesOf(world), [['hello-00002', 100]]);
    assert.deepEqual(
      shares,
      shares.toSorted((a, b) => a - b),
    );
    assert.ok(new Set(shares).size > 5, shares.join(' '));
    assert.deepEqual(readinessOf(world), ['True', '']);
  });

  it('keeps both revisions reachable until it is over', () => {
    const world = rolled();
    const states = world.states();
    assert.deepEqual(states, { 'hello-00001': 'active', 'hello-00002': 'active' });
  });
});
