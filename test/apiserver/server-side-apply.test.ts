import assert from 'node:assert/strict';
import type { KubeObject } from '../../runtime/apis/meta/object.ts';
import {
  emptySet,
  formatFieldsV1,
  formatPaths,
  parseFieldsV1,
} from '../../runtime/apiserver/apply/field-set.ts';
import { recordUpdate } from '../../runtime/apiserver/apply/record-update.ts';
import { applyConfiguration } from '../../runtime/apiserver/apply/server-side-apply.ts';
import { typeOfKind } from '../../runtime/apiserver/apply/type-node.ts';
import { StatusError } from '../../runtime/apiserver/status-error.ts';

const type = typeOfKind({ apiVersion: 'apps/v1', kind: 'Deployment' });
const rules = { type, reset: emptySet, empty: {} };
const now = '2026-01-01T00:00:00Z';

type Deployment = KubeObject & { spec: Record<string, unknown> };

const deployment = (spec: Record<string, unknown>, meta: object = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'ns', ...meta },
  spec,
});

const apply = (
  live: KubeObject | undefined,
  manager: string,
  applied: KubeObject,
  force = false,
): Deployment =>
  applyConfiguration(live, applied, {
    writer: { manager, subresource: undefined, now },
    force,
    rules,
  }) as Deployment;

const update = (live: Deployment, manager: string, spec: Record<string, unknown>): Deployment => {
  const next = { ...live, spec };
  const managedFields = recordUpdate(live, next, {
    writer: { manager, subresource: undefined, now },
    apiVersion: 'apps/v1',
    rules,
  });
  return {
    ...next,
    metadata: { ...next.metadata, ...(managedFields === undefined ? {} : { managedFields }) },
  };
};

const managers = (object: KubeObject): unknown[] =>
  (object.metadata.managedFields ?? []).map((entry) => {
    const { manager, operation, fieldsV1 } = entry as Record<string, unknown>;
    return [manager, operation, formatPaths(parseFieldsV1(fieldsV1)).sort()];
  });

describe('server-side apply', () => {
  it('records what it applied as owned by the manager', () =>
    assert.deepEqual(managers(apply(undefined, 'ci', deployment({ replicas: 1, paused: true }))), [
      ['ci', 'Apply', ['.spec.paused', '.spec.replicas']],
    ]));

  it('removes a field that the manager applied before and no longer does', () => {
    const first = apply(
      undefined,
      'ci',
      deployment({ replicas: 1, paused: true }, { labels: { a: 'b' } }),
    );
    const second = apply(first, 'ci', deployment({ replicas: 1 }));
    assert.deepEqual(second.spec, { replicas: 1 });
    assert.equal(second.metadata.labels, undefined);
  });

  it('keeps a field that another manager owns too', () => {
    const first = apply(undefined, 'ci', deployment({ replicas: 1, paused: true }));
    const both = apply(first, 'ops', deployment({ paused: true }));
    assert.deepEqual(apply(both, 'ci', deployment({ replicas: 1 })).spec, {
      replicas: 1,
      paused: true,
    });
  });

  it('keeps fields that nobody applied', () => {
    const live = {
      ...apply(undefined, 'ci', deployment({ replicas: 1 })),
      status: { replicas: 1 },
    };
    const next = apply(live, 'ci', deployment({ replicas: 2 }));
    assert.deepEqual(next, { ...live, spec: { replicas: 2 } });
  });

  describe('when another manager owns the field with another value', () => {
    const live = update(apply(undefined, 'ci', deployment({ replicas: 1 })), 'kubectl-scale', {
      replicas: 5,
    });

    it('refuses with 409 and names manager and field', () =>
      assert.throws(
        () => apply(live, 'ci', deployment({ replicas: 1 })),
        (error: unknown) => {
          assert.ok(error instanceof StatusError);
          assert.equal(error.status.code, 409);
          assert.deepEqual(error.status.details?.causes, [
            {
              reason: 'FieldManagerConflict',
              message: 'conflict with "kubectl-scale" using apps/v1',
              field: '.spec.replicas',
            },
          ]);
          return true;
        },
      ));

    it('takes the field over with force', () => {
      const forced = apply(live, 'ci', deployment({ replicas: 1 }), true);
      assert.deepEqual(forced.spec, { replicas: 1 });
      assert.deepEqual(managers(forced), [['ci', 'Apply', ['.spec.replicas']]]);
    });

    it('shares the field without force when the values agree', () =>
      assert.deepEqual(managers(apply(live, 'ci', deployment({ replicas: 5 }))), [
        ['ci', 'Apply', ['.spec.replicas']],
        ['kubectl-scale', 'Update', ['.spec.replicas']],
      ]));
  });

  describe('with keyed lists', () => {
    const spec = (...containers: object[]): Record<string, unknown> => ({
      template: { spec: { containers } },
    });
    const first = apply(
      undefined,
      'ci',
      deployment(
        spec(
          { name: 'a', image: 'x', env: [{ name: 'A', value: '1' }] },
          { name: 'b', image: 'y' },
        ),
      ),
    );

    it('owns items and their fields by key', () =>
      assert.deepEqual(managers(first), [
        [
          'ci',
          'Apply',
          [
            '.spec.template.spec.containers[name="a"]',
            '.spec.template.spec.containers[name="a"].env[name="A"]',
            '.spec.template.spec.containers[name="a"].env[name="A"].name',
            '.spec.template.spec.containers[name="a"].env[name="A"].value',
            '.spec.template.spec.containers[name="a"].image',
            '.spec.template.spec.containers[name="a"].name',
            '.spec.template.spec.containers[name="b"]',
            '.spec.template.spec.containers[name="b"].image',
            '.spec.template.spec.containers[name="b"].name',
          ],
        ],
      ]));

    it('merges into the item of the same key and removes the one that is gone', () =>
      assert.deepEqual(apply(first, 'ci', deployment(spec({ name: 'a', image: 'x2' }))).spec, {
        template: { spec: { containers: [{ name: 'a', image: 'x2' }] } },
      }));

    it("lets a second manager add an item without touching the first one's", () => {
      const both = apply(first, 'sidecar', deployment(spec({ name: 'c', image: 'z' })));
      const containers = (both.spec['template'] as { spec: { containers: { name: string }[] } })
        .spec.containers;
      assert.deepEqual(
        containers.map(({ name }) => name),
        ['a', 'b', 'c'],
      );
      const without = apply(both, 'sidecar', deployment({}));
      assert.deepEqual(without.spec, first.spec);
    });
  });

  it('replaces lists of custom kinds whole', () => {
    const custom = typeOfKind({ apiVersion: 'serving.knative.dev/v1', kind: 'Service' });
    const options = {
      writer: { manager: 'ci', subresource: undefined, now },
      force: false,
      rules: { ...rules, type: custom },
    };
    const live = applyConfiguration(
      undefined,
      deployment({ traffic: [{ percent: 100 }] }),
      options,
    );
    const next = applyConfiguration(live, deployment({ traffic: [{ percent: 50 }] }), options);
    assert.deepEqual((next as Deployment).spec, { traffic: [{ percent: 50 }] });
  });

  it('changes nothing when the same is applied again', () => {
    const first = apply(undefined, 'ci', deployment({ replicas: 1 }, { labels: { a: 'b' } }));
    assert.deepEqual(
      apply(first, 'ci', deployment({ replicas: 1 }, { labels: { a: 'b' } })),
      first,
    );
  });

  it('gives the fields of an object without a record to before-first-apply', () =>
    assert.throws(
      () => apply(deployment({ replicas: 3 }), 'ci', deployment({ replicas: 1 })),
      /conflict with "before-first-apply"/,
    ));

  it('reads back the fieldsV1 that it writes', () => {
    const fields = {
      'f:spec': { 'f:a': {}, 'f:l': { 'k:{"name":"x"}': { '.': {}, 'f:b': {} }, 'v:"s"': {} } },
    };
    assert.deepEqual(formatFieldsV1(parseFieldsV1(fields)), fields);
  });
});
