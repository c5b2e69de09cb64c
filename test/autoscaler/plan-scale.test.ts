/** Bounds, and the way of a revision to zero and back. */
import assert from 'node:assert/strict';
import { defaultAutoscalerConfig } from '../../runtime/apis/autoscaling/config.ts';
import type { PodAutoscaler } from '../../runtime/apis/autoscaling/types.ts';
import {
  deciderSpecOf,
  metricSpecOf,
  scaleBoundsOf,
} from '../../runtime/autoscaler/decider-spec.ts';
import { planScale } from '../../runtime/autoscaler/plan-scale.ts';

const now = Date.parse('2026-01-01T00:10:00Z');
const ago = (seconds: number): string => new Date(now - seconds * 1_000).toISOString();

interface Given {
  readonly annotations?: Record<string, string>;
  readonly active?: 'True' | 'False' | 'Unknown';
  /** Seconds in that state. */
  readonly since?: number;
  readonly reachability?: 'Reachable' | 'Unreachable';
  readonly isInitialized?: boolean;
  readonly containerConcurrency?: number;
}

function makeAutoscaler(given: Given): PodAutoscaler {
  const { active = 'True', since = 600, isInitialized = true } = given;
  const annotations = Object.fromEntries(
    Object.entries(given.annotations ?? {}).map(([key, value]) => [
      `autoscaling.knative.dev/${key}`,
      value,
    ]),
  );
  return {
    apiVersion: 'autoscaling.internal.knative.dev/v1alpha1',
    kind: 'PodAutoscaler',
    metadata: { name: 'r', namespace: 'ns', annotations },
    spec: {
      containerConcurrency: given.containerConcurrency ?? 0,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'r-deployment' },
      reachability: given.reachability ?? 'Reachable',
    },
    status: {
      conditions: [
        { type: 'Active', status: active, lastTransitionTime: ago(since) },
        { type: 'ScaleTargetInitialized', status: isInitialized ? 'True' : 'Unknown' },
      ],
    },
  };
}

function scale(given: Given, desired: number, replicas = 1, config = defaultAutoscalerConfig) {
  const podAutoscaler = makeAutoscaler(given);
  return planScale(
    {
      podAutoscaler,
      bounds: scaleBoundsOf(podAutoscaler, config),
      stableWindowMs: metricSpecOf(podAutoscaler, config).stableWindowMs,
      desired,
      replicas,
      progressDeadlineSeconds: 600,
    },
    now,
  );
}

describe('planScale', () => {
  it('sets what is decided, and nothing when it is so already', () => {
    assert.deepEqual(scale({}, 3), { want: 3, replicas: 3 });
    assert.deepEqual(scale({}, 3, 3), { want: 3 });
  });

  it('keeps to min-scale and max-scale', () => {
    assert.equal(scale({ annotations: { 'min-scale': '2' } }, 0).want, 2);
    assert.equal(scale({ annotations: { maxScale: '5' } }, 9).want, 5);
  });

  it('ignores min-scale and initial scale of what no Route reaches', () => {
    const annotations = { 'min-scale': '2', 'initial-scale': '4' };
    assert.equal(scale({ annotations, reachability: 'Unreachable' }, 0).want, 0);
  });

  it('holds the initial scale until it was reached once', () => {
    const annotations = { 'initial-scale': '4' };
    assert.equal(scale({ annotations, isInitialized: false }, 1).want, 4);
    assert.equal(scale({ annotations }, 1).want, 1);
  });

  it('changes nothing while nothing is decided', () => {
    assert.deepEqual(scale({}, -1, 7), { want: -1 });
  });

  describe('on the way to zero', () => {
    it('keeps one pod for a stable window after it has become active', () => {
      assert.deepEqual(scale({ since: 10 }, 0, 2), {
        want: 1,
        replicas: 1,
        requeueAfterMs: 50_000,
      });
    });
    it('goes at once after that: there is no activator to wait for', () => {
      assert.deepEqual(scale({ since: 60 }, 0), { want: 0, replicas: 0 });
    });
    it('keeps the last pods for their retention, counted from when it became inactive', () => {
      const annotations = { 'scale-to-zero-pod-retention-period': '30s' };
      assert.deepEqual(scale({ annotations }, 0), { want: 0 });
      assert.deepEqual(scale({ annotations, active: 'False', since: 12 }, 0), {
        want: 0,
        requeueAfterMs: 18_000,
      });
      assert.deepEqual(scale({ annotations, active: 'False', since: 30 }, 0), {
        want: 0,
        replicas: 0,
      });
    });
    it('gives an activation the progress deadline and 30 s', () => {
      assert.deepEqual(scale({ active: 'Unknown', since: 600 }, 0), {
        want: -1,
        requeueAfterMs: 30_000,
      });
      assert.deepEqual(scale({ active: 'Unknown', since: 630 }, 0), { want: 0, replicas: 0 });
    });
    it('stops at one where scaling to zero is switched off', () => {
      const config = { ...defaultAutoscalerConfig, isScaleToZeroEnabled: false };
      assert.equal(scale({}, 0, 1, config).want, 1);
    });
  });
});

describe('the target of a pod', () => {
  const target = (given: Given): number =>
    deciderSpecOf(makeAutoscaler(given), defaultAutoscalerConfig).targetValue;

  it('is 70 % of 100 requests at once by default', () => assert.equal(target({}), 70));
  it('is 70 % of the hard limit where there is one', () =>
    assert.equal(target({ containerConcurrency: 10 }), 7));
  it('is the annotation, but never more than the hard limit', () => {
    assert.equal(target({ annotations: { target: '50' } }), 35);
    assert.equal(target({ annotations: { target: '50' }, containerConcurrency: 10 }), 7);
  });
  it('is 70 % of 200 requests per second by that metric', () =>
    assert.equal(target({ annotations: { metric: 'rps' } }), 140));
  it('follows the utilization annotation', () =>
    assert.equal(target({ annotations: { targetUtilizationPercentage: '100' } }), 100));
});
