import assert from 'node:assert/strict';
import type { PolicyRule } from '../../../runtime/apis/rbac/types.ts';
import {
  describeRules,
  missingRules,
  ruleAllows,
} from '../../../runtime/apiserver/auth/policy-rule.ts';
import { attributesOf } from '../../../runtime/apiserver/auth/request-attributes.ts';

const pods = (verbs: string[], more: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs,
  apiGroups: [''],
  resources: ['pods'],
  ...more,
});

describe('A rule of a role', () => {
  const rows: [string, PolicyRule, string, string, boolean][] = [
    ['allows its verb on its resource', pods(['get']), 'GET', '/api/v1/namespaces/a/pods/x', true],
    ['allows no other verb', pods(['get']), 'DELETE', '/api/v1/namespaces/a/pods/x', false],
    [
      'takes a read of a collection as list',
      pods(['list']),
      'GET',
      '/api/v1/namespaces/a/pods',
      true,
    ],
    ['takes a watch as watch', pods(['list']), 'GET', '/api/v1/pods?watch=true', false],
    ['takes watch=0 as list', pods(['list']), 'GET', '/api/v1/pods?watch=0', true],
    [
      'takes a delete of a collection as deletecollection',
      pods(['delete']),
      'DELETE',
      '/api/v1/namespaces/a/pods',
      false,
    ],
    ['allows no other group', pods(['get']), 'GET', '/apis/apps/v1/namespaces/a/pods/x', false],
    [
      'allows every group by *',
      pods(['get'], { apiGroups: ['*'] }),
      'GET',
      '/apis/x.io/v1/namespaces/a/pods/x',
      true,
    ],
    ['allows every verb by *', pods(['*']), 'PATCH', '/api/v1/namespaces/a/pods/x', true],
    [
      'does not reach into subresources',
      pods(['create']),
      'POST',
      '/api/v1/namespaces/a/pods/x/exec',
      false,
    ],
    [
      'allows a subresource that it names',
      pods(['create'], { resources: ['pods/exec'] }),
      'POST',
      '/api/v1/namespaces/a/pods/x/exec',
      true,
    ],
    [
      'allows one subresource of everything by */',
      pods(['update'], { resources: ['*/scale'] }),
      'PUT',
      '/apis/apps/v1/namespaces/a/deployments/x/scale',
      false,
    ],
    [
      'allows */scale in its group',
      pods(['update'], { apiGroups: ['apps'], resources: ['*/scale'] }),
      'PUT',
      '/apis/apps/v1/namespaces/a/deployments/x/scale',
      true,
    ],
    [
      'allows subresources by *',
      pods(['update'], { resources: ['*'] }),
      'PUT',
      '/api/v1/namespaces/a/pods/x/status',
      true,
    ],
    [
      'allows the objects that it names',
      pods(['get'], { resourceNames: ['x'] }),
      'GET',
      '/api/v1/namespaces/a/pods/x',
      true,
    ],
    [
      'allows no object that it does not name',
      pods(['get'], { resourceNames: ['x'] }),
      'GET',
      '/api/v1/namespaces/a/pods/y',
      false,
    ],
    [
      'allows no list when it names objects',
      pods(['list'], { resourceNames: ['x'] }),
      'GET',
      '/api/v1/namespaces/a/pods',
      false,
    ],
    [
      'allows a list that selects the object that it names',
      pods(['list'], { resourceNames: ['x'] }),
      'GET',
      '/api/v1/namespaces/a/pods?fieldSelector=metadata.name=x',
      true,
    ],
    [
      'with resources allows no path',
      pods(['*'], { resources: ['*'], apiGroups: ['*'] }),
      'GET',
      '/metrics',
      false,
    ],
    ['allows a path', { verbs: ['get'], nonResourceURLs: ['/metrics'] }, 'GET', '/metrics', true],
    [
      'allows no path below',
      { verbs: ['get'], nonResourceURLs: ['/metrics'] },
      'GET',
      '/metrics/slis',
      false,
    ],
    [
      'allows paths below by *',
      { verbs: ['get'], nonResourceURLs: ['/apis/*'] },
      'GET',
      '/apis/apps/v1',
      true,
    ],
  ];
  for (const [title, rule, method, url, isAllowed] of rows)
    it(`${title}: ${method} ${url}`, () => {
      const { pathname, searchParams } = new URL(url, 'http://api');
      const attributes = attributesOf(method, pathname, Object.fromEntries(searchParams));
      assert.equal(ruleAllows(rule, attributes), isAllowed);
    });

  it('of a namespace itself is asked in that namespace', () => {
    assert.deepEqual(attributesOf('GET', '/api/v1/namespaces/a', {}), {
      isResource: true,
      verb: 'get',
      group: '',
      resource: 'namespaces',
      subresource: '',
      namespace: 'a',
      name: 'a',
    });
  });
});

describe('What a grant adds to what is held', () => {
  it('is nothing when each verb and resource is held by some rule', () => {
    const held = [pods(['get']), pods(['list', 'watch'])];
    assert.deepEqual(missingRules(held, [pods(['get', 'list'])]), []);
  });

  it('is a wildcard unless a wildcard is held', () => {
    assert.deepEqual(missingRules([pods(['get'])], [pods(['*'])]), [pods(['*'])]);
    assert.deepEqual(missingRules([pods(['*'])], [pods(['*'])]), []);
  });

  it('is all objects when only named ones are held', () => {
    const held = [pods(['get'], { resourceNames: ['x', 'y'] })];
    assert.deepEqual(missingRules(held, [pods(['get'])]), [pods(['get'])]);
    assert.deepEqual(missingRules(held, [pods(['get'], { resourceNames: ['y'] })]), []);
  });

  it('covers subresources by */ and paths by prefix', () => {
    const held: PolicyRule[] = [
      pods(['update'], { resources: ['*/scale'] }),
      { verbs: ['get'], nonResourceURLs: ['/a/*'] },
    ];
    assert.deepEqual(missingRules(held, [pods(['update'], { resources: ['pods/scale'] })]), []);
    assert.deepEqual(missingRules(held, [{ verbs: ['get'], nonResourceURLs: ['/a/b'] }]), []);
    assert.equal(missingRules(held, [{ verbs: ['get'], nonResourceURLs: ['/b'] }]).length, 1);
  });

  it('reads as one line per resource, with its verbs', () => {
    const missing = missingRules([], [pods(['get', 'list'], { resources: ['pods', 'secrets'] })]);
    assert.deepEqual(describeRules(missing), [
      '{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}',
      '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
    ]);
  });
});
