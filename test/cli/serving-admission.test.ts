import assert from 'node:assert/strict';
import { configMapKind } from '../../runtime/apis/core/types.ts';
import type { Service } from '../../runtime/apis/serving/types.ts';
import { serviceKind } from '../../runtime/apis/serving/types.ts';
import { makeAllDefinitions } from '../../runtime/cli/all-definitions.ts';
import { ServingAdmission } from '../../runtime/cli/serving-admission.ts';
import { KubeClient } from '../../runtime/kube/client.ts';
import { InformerFactory } from '../../runtime/kube/informer.ts';
import { createConfigMaps } from '../../runtime/serving/config-maps.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import type { Api } from '../apiserver/api-harness.ts';
import { startApi } from '../apiserver/api-harness.ts';

describe('Admission of Services in the local home', () => {
  let api: Api;
  let abort: AbortController;
  let admission: ServingAdmission;
  const warnings: string[] = [];
  beforeEach(async () => {
    warnings.length = 0;
    admission = new ServingAdmission();
    abort = new AbortController();
    api = await startApi({ definitions: makeAllDefinitions(() => admission.current) });
  });
  afterEach(async () => {
    abort.abort();
    await api.close();
  });

  async function follow(): Promise<KubeClient> {
    const client = new KubeClient(api.server.transport);
    const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
    const informers = new InformerFactory({ client, clock: systemClock, random: () => 0, logger });
    await createConfigMaps(client);
    await admission.follow({ client, informers, logger });
    informers.start(abort.signal);
    return client;
  }
  const set = (client: KubeClient, name: string, data: Record<string, string>): Promise<unknown> =>
    client.patch(
      configMapKind,
      { namespace: 'knative-serving', name },
      { type: 'merge', body: { data } },
    );
  const createService = (client: KubeClient, name: string): Promise<Service> =>
    client.create(serviceKind, {
      apiVersion: 'serving.knative.dev/v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { template: { spec: { containers: [{ image: 'knit.local/hello' }] } } },
    } as unknown as Service);

  it('follows config-defaults from one write to the next, and back', async () => {
    const client = await follow();
    const timeoutOf = async (name: string) =>
      (await createService(client, name)).spec.template.spec.timeoutSeconds;
    assert.equal(await timeoutOf('a'), 300);
    await set(client, 'config-defaults', { 'revision-timeout-seconds': '20' });
    assert.equal(await timeoutOf('b'), 20);
    await client.delete(configMapKind, { namespace: 'knative-serving', name: 'config-defaults' });
    assert.equal(await timeoutOf('c'), 300);
  });

  it('follows what config-autoscaler allows', async () => {
    const client = await follow();
    await set(client, 'config-autoscaler', { 'max-scale-limit': '5', 'max-scale': '5' });
    assert.equal(admission.current.autoscaler.maxScaleLimit, 5);
  });

  it('has read what was set before a restart as soon as it follows', async () => {
    const client = await follow();
    await set(client, 'config-defaults', { 'container-concurrency': '7' });
    abort.abort();
    await api.restart();
    abort = new AbortController();
    admission = new ServingAdmission();
    const again = await follow();
    const made = await createService(again, 'a');
    assert.equal(made.spec.template.spec.containerConcurrency, 7);
  });

  it('refuses a ConfigMap that cannot be read, and what was in force stays', async () => {
    const client = await follow();
    await assert.rejects(
      set(client, 'config-defaults', { 'revision-timeout-seconds': 'soon' }),
      /admission webhook "config\.webhook\.serving\.knative\.dev" denied the request: validation failed: failed to parse "revision-timeout-seconds"/,
    );
    await assert.rejects(
      set(client, 'config-defaults', { _example: 'revision-timeout-seconds: "1"' }),
      /the update modifies a key in "_example" which is probably not what you want/,
    );
    assert.equal(admission.current.defaults.timeoutSeconds, 300);
  });

  it('follows config-features', async () => {
    const client = await follow();
    const create = (): Promise<Service> =>
      client.create(serviceKind, {
        apiVersion: 'serving.knative.dev/v1',
        kind: 'Service',
        metadata: { name: 'a', namespace: 'default' },
        spec: {
          template: {
            spec: { nodeSelector: { disk: 'fast' }, containers: [{ image: 'knit.local/hello' }] },
          },
        },
      } as unknown as Service);
    await assert.rejects(
      create(),
      /must not set the field\(s\): spec\.template\.spec\.nodeSelector/,
    );
    await set(client, 'config-features', { 'kubernetes.podspec-nodeselector': 'Enabled' });
    assert.deepEqual((await create()).spec.template.spec['nodeSelector'], { disk: 'fast' });
  });
});
