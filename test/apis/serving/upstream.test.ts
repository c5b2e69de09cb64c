/** Defaulting and validation agree with what upstream's own code was recorded to say. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parseAutoscalerConfig } from '../../../runtime/apis/autoscaling/config.ts';
import { formatFieldErrors } from '../../../runtime/apis/meta/field-error.ts';
import type {
  AdmissionContext,
  KindDefinition,
} from '../../../runtime/apis/meta/kind-definition.ts';
import type { KubeObject } from '../../../runtime/apis/meta/object.ts';
import type { ServingAdmissionConfig } from '../../../runtime/apis/serving/admission-config.ts';
import { configMapFault } from '../../../runtime/apis/serving/config-maps.ts';
import { parseServingDefaults } from '../../../runtime/apis/serving/config-defaults.ts';
import { makeServingDefinitions } from '../../../runtime/apis/serving/definitions.ts';
import { parseFeatures, upstreamFeatures } from '../../../runtime/apis/serving/features.ts';
import type { UpstreamCase } from './upstream/apply-case.ts';
import { upstreamCases } from './upstream/cases.ts';

interface Verdict {
  readonly title: string;
  readonly error: string;
  readonly defaulted?: unknown;
}

const verdicts = JSON.parse(
  readFileSync(new URL('./upstream/verdicts.json', import.meta.url), 'utf8'),
) as readonly Verdict[];

function configOf(configs: UpstreamCase['configs'] = {}): ServingAdmissionConfig {
  return {
    defaults: parseServingDefaults(configs['config-defaults']).defaults,
    autoscaler: parseAutoscalerConfig(configs['config-autoscaler']).config,
    features: parseFeatures(configs['config-features'], upstreamFeatures),
  };
}

function ourVerdict(given: UpstreamCase): { error: string; defaulted?: unknown } {
  if (given.kind === 'ConfigMap') {
    const [[name, data] = ['', {}]] = Object.entries(given.configs ?? {});
    const metadata = { name, namespace: 'knative-serving' };
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    return { error: configMapFault(configMap) ?? '' };
  }
  const definition = makeServingDefinitions(() => configOf(given.configs)).find(
    ({ kind }) => kind === given.kind,
  ) as KindDefinition;
  const context: AdmissionContext = {
    operation: given.old ? 'UPDATE' : 'CREATE',
    userName: given.user ?? 'ada',
    nowMs: 0,
    ...(given.old ? { old: given.old as KubeObject } : {}),
  };
  const object = given.object as KubeObject;
  const defaulted = definition.applyDefaults?.(object, context) ?? object;
  return { defaulted, error: formatFieldErrors(definition.validate?.(defaulted, context) ?? []) };
}

/** Go prints empty structs, empty names and addresses of numbers; none of them is a difference. */
function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(essence);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, item]) => [key, essence(item)] as const)
    .filter(([key, item]) => !isNothing(key, item));
  return Object.fromEntries(entries);
}

function isNothing(key: string, item: unknown): boolean {
  if (item === undefined || item === null || item === '' || item === false) return true;
  if (item === 0 && ['port', 'containerPort', 'periodSeconds'].includes(key)) return true;
  const isHandler = ['emptyDir', 'ephemeral', 'tcpSocket', 'nodeAffinity', 'capabilities'];
  return typeof item === 'object' && Object.keys(item).length === 0 && !isHandler.includes(key);
}

const withoutAddresses = (text: string): string => text.replace(/"0x[0-9a-f]+"/g, '"<address>"');

describe("Upstream's verdict", () => {
  it('is recorded for every case, in order', () =>
    assert.deepEqual(
      verdicts.map(({ title }) => title),
      upstreamCases.map(({ title }) => title),
    ));

  for (const [index, given] of upstreamCases.entries())
    it(`is ours: ${given.title}`, () => {
      const theirs = verdicts[index] as Verdict;
      const ours = ourVerdict(given);
      assert.equal(ours.error, withoutAddresses(theirs.error));
      assert.deepEqual(essence(ours.defaulted), essence(theirs.defaulted));
    });
});
