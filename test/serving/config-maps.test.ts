/** What the ConfigMaps of knative-serving change. */
import assert from 'node:assert/strict';
import { parse } from 'yaml';
import {
  defaultAutoscalerConfig,
  parseAutoscalerConfig,
} from '../../runtime/apis/autoscaling/config.ts';
import type { AdmissionContext } from '../../runtime/apis/meta/kind-definition.ts';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import {
  defaultServingDefaults,
  parseServingDefaults,
} from '../../runtime/apis/serving/config-defaults.ts';
import { configMapFault } from '../../runtime/apis/serving/config-maps.ts';
import { defaultServingAdmissionConfig } from '../../runtime/apis/serving/admission-config.ts';
import { makeServingDefinitions } from '../../runtime/apis/serving/definitions.ts';
import type { Service } from '../../runtime/apis/serving/types.ts';
import { makeConfigMaps } from '../../runtime/serving/config-maps.ts';
import { makeServingConfig, withConfigMap } from '../../runtime/serving/serving-config.ts';
import { makeService } from './world.ts';

const context: AdmissionContext = { operation: 'CREATE', userName: 'ada', nowMs: 0 };

describe('config-autoscaler', () => {
  it('is Knative defaults when it is absent or empty', () => {
    assert.deepEqual(parseAutoscalerConfig(undefined).config, defaultAutoscalerConfig);
    assert.deepEqual(parseAutoscalerConfig({ _example: 'x' }), {
      config: defaultAutoscalerConfig,
      errors: [],
    });
  });
  it('reads percentages as percentages, and values up to 1 as a share', () => {
    const ratio = (text: string): number =>
      parseAutoscalerConfig({ 'container-concurrency-target-percentage': text }).config
        .concurrencyTargetRatio;
    assert.deepEqual([ratio('50'), ratio('0.5')], [0.5, 0.5]);
  });
  it('is not taken at all when one key is wrong', () => {
    const { config, errors } = parseAutoscalerConfig({ 'stable-window': '5s', 'min-scale': '3' });
    assert.deepEqual(config, defaultAutoscalerConfig);
    assert.deepEqual(errors, ['stable-window = 5s, must be in [6s; 1h0m0s] range']);
  });
});

describe('config-defaults', () => {
  it('changes what a Service gets that asks for nothing, and how much it may ask for', () => {
    const { defaults, errors } = parseServingDefaults({
      'revision-timeout-seconds': '20',
      'max-revision-timeout-seconds': '30',
      'container-concurrency': '5',
    });
    assert.deepEqual(errors, []);
    const [definition] = makeServingDefinitions(() => ({
      ...defaultServingAdmissionConfig,
      defaults,
    }));
    const admit = (service: Service): string[] =>
      (definition?.validate?.(service, context) ?? []).map(({ message }) => message);
    const made = definition?.applyDefaults?.(makeService('hello'), context) as Service;
    assert.equal(made.spec.template.spec.timeoutSeconds, 20);
    assert.equal(made.spec.template.spec.containerConcurrency, 5);
    assert.deepEqual(admit(made), []);
    const long = { ...made.spec.template.spec, timeoutSeconds: 31 };
    const asked = { ...made, spec: { ...made.spec, template: { spec: long } } };
    assert.deepEqual(admit(asked), ['expected 0 <= 31 <= 30']);
  });
  it('is not taken when its default exceeds its maximum', () => {
    const { defaults, errors } = parseServingDefaults({ 'revision-timeout-seconds': '700' });
    assert.deepEqual(defaults, defaultServingDefaults);
    assert.equal(errors.length, 1);
  });
});

describe('The ConfigMaps of an installation', () => {
  const exampleOf = (name: string): Record<string, string> => {
    const configMap = makeConfigMaps().find(({ metadata }) => metadata.name === name);
    assert.deepEqual(Object.keys(configMap?.data ?? {}), ['_example']);
    return (parse(configMap?.data?.['_example'] ?? '') ?? {}) as Record<string, string>;
  };

  it('show every key with the default that it has', () => {
    assert.deepEqual(parseAutoscalerConfig(exampleOf('config-autoscaler')), {
      config: defaultAutoscalerConfig,
      errors: [],
    });
    assert.deepEqual(parseServingDefaults(exampleOf('config-defaults')), {
      defaults: defaultServingDefaults,
      errors: [],
    });
    const config = makeServingConfig({ domain: 'a.b', externalPort: 80, gatewayServiceHost: 'g' });
    for (const { metadata } of makeConfigMaps()) {
      const taken = withConfigMap(config, metadata.name, exampleOf(metadata.name));
      assert.deepEqual(taken, { config, errors: [] }, metadata.name);
    }
  });

  it('are accepted as they are, and refused when a setting is changed in the example', () => {
    for (const configMap of makeConfigMaps()) {
      assert.equal(configMapFault(configMap), undefined, configMap.metadata.name);
      const edited = { ...configMap, data: { _example: `${configMap.data?.['_example']}x: "y"` } };
      assert.match(configMapFault(edited) ?? '', /^the update modifies a key in "_example"/);
    }
  });

  it('show every key of the autoscaler that is read', () => {
    assert.equal(
      Object.keys(exampleOf('config-autoscaler')).length,
      Object.keys(defaultAutoscalerConfig).length,
    );
  });
});

describe('admission of what has the wrong shape', () => {
  const [definition] = makeServingDefinitions(() => ({
    ...defaultServingAdmissionConfig,
  }));
  const refuse = (spec: unknown): string[] => {
    const object = { ...makeService('hello'), spec } as KubeObject;
    const made = definition?.applyDefaults?.(object, context) ?? object;
    return (definition?.validate?.(made, context) ?? []).flatMap(({ paths }) => [...paths]);
  };

  it('is a field error and not a crash', () => {
    assert.deepEqual(refuse(undefined), ['spec.template.spec.containers']);
    assert.deepEqual(refuse({ template: { spec: { containers: 'x' } } }), [
      'spec.template.spec.containers',
    ]);
    assert.deepEqual(refuse({ template: { spec: { containers: [null] } } }), [
      'spec.template.spec.containers',
    ]);
    const template = makeService('hello').spec.template;
    assert.deepEqual(refuse({ template, traffic: [7] }), ['spec.traffic']);
  });
});
