/** Watches: where they start, what they show, bookmarks, the streaming list, and how they are refused. */
import {
  collect,
  configMap,
  configMaps,
  del,
  get,
  mergePatch,
  post,
  put,
  quiet,
  startWatch,
  watch,
  type Case,
} from '../case.ts';

const made = quiet(
  post(configMaps, configMap('a', { k: 'v' }, { labels: { x: 'y' } }), { save: 'a' }),
);
const list = quiet(get(`${configMaps}?labelSelector=x`, { save: 'l' }));
/** Away from what controllers put into every namespace. */
const mine = 'labelSelector=x';
const from = 'resourceVersion={l.metadata.resourceVersion}';
const change = quiet(mergePatch(`${configMaps}/a`, { data: { k: 'w' } }));
const short = 'timeoutSeconds=2';

const refused = [
  'resourceVersion=x',
  'resourceVersion=-1',
  'labelSelector=%21%21',
  'fieldSelector=data.k%3D1',
  'timeoutSeconds=x',
  'sendInitialEvents=true',
  'sendInitialEvents=true&resourceVersionMatch=Exact',
  'sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
  'sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
  'sendInitialEvents=x&resourceVersionMatch=NotOlderThan',
  'resourceVersionMatch=NotOlderThan',
  'resourceVersionMatch=Exact&resourceVersion=1',
  'allowWatchBookmarks=x',
  'limit=1',
  'continue=x',
];

export const watchCases: readonly Case[] = [
  {
    name: 'watch: from the present shows it as ADDED',
    steps: [made, watch(`${configMaps}?watch=true&${mine}&${short}`, 1)],
  },
  {
    name: 'watch: from resourceVersion 0 shows the present',
    steps: [made, watch(`${configMaps}?watch=1&${mine}&resourceVersion=0&${short}`, 1)],
  },
  {
    name: 'watch: from a list shows what changed since',
    steps: [
      made,
      list,
      change,
      quiet(del(`${configMaps}/a`)),
      watch(`${configMaps}?watch=true&${mine}&${from}&${short}`, 2),
    ],
  },
  {
    name: 'watch: create, change and delete as they happen',
    steps: [
      list,
      startWatch('w', `${configMaps}?watch=true&${mine}&${from}`, 3),
      made,
      change,
      quiet(del(`${configMaps}/a`)),
      collect('w'),
    ],
  },
  {
    name: 'watch: an object that leaves the selection is DELETED, one that enters it ADDED',
    steps: [
      made,
      list,
      startWatch('w', `${configMaps}?watch=true&${mine}&${from}`, 3),
      quiet(mergePatch(`${configMaps}/a`, { metadata: { labels: { x: null } } })),
      quiet(mergePatch(`${configMaps}/a`, { metadata: { labels: { x: 'again' } } })),
      quiet(mergePatch(`${configMaps}/a`, { data: { k: 'z' } })),
      collect('w'),
    ],
  },
  {
    name: 'watch: one object by field selector',
    steps: [
      made,
      list,
      startWatch('w', `${configMaps}?watch=true&fieldSelector=metadata.name%3Da&${from}`, 2),
      quiet(post(configMaps, configMap('b'))),
      change,
      quiet(del(`${configMaps}/a`)),
      collect('w'),
    ],
  },
  {
    name: 'watch: one object by name',
    steps: [made, watch(`${configMaps}/a?watch=true&${short}`, 1)],
  },
  {
    name: 'watch: over all namespaces',
    steps: [
      made,
      watch(
        `/api/v1/configmaps?watch=true&fieldSelector=metadata.namespace={ns},metadata.name=a&${short}`,
        1,
      ),
    ],
  },
  {
    name: 'watch: the streaming list ends with a bookmark',
    steps: [
      made,
      watch(
        `${configMaps}?watch=true&${mine}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&${short}`,
        2,
      ),
    ],
  },
  {
    name: 'watch: the streaming list from resourceVersion 0',
    steps: [
      made,
      watch(
        `${configMaps}?watch=true&${mine}&resourceVersion=0&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&${short}`,
        2,
      ),
    ],
  },
  {
    name: 'watch: the streaming list of nothing',
    steps: [
      watch(
        `${configMaps}?watch=true&labelSelector=none&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&${short}`,
        1,
      ),
    ],
  },
  {
    name: 'watch: the streaming list goes on after its bookmark',
    steps: [
      made,
      startWatch(
        'w',
        `${configMaps}?watch=true&${mine}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
        3,
      ),
      change,
      collect('w'),
    ],
  },
  {
    name: 'watch: as tables',
    steps: [
      made,
      list,
      startWatch('w', `${configMaps}?watch=true&${mine}&${from}`, 2, {
        accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
      }),
      change,
      quiet(mergePatch(`${configMaps}/a`, { data: { z: 'z' } })),
      collect('w'),
    ],
  },
  {
    name: 'watch: as metadata',
    steps: [
      made,
      watch(`${configMaps}?watch=true&${mine}&${short}`, 1, {
        accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
      }),
    ],
  },
  {
    name: 'watch: a resourceVersion that was compacted',
    steps: [
      watch(`${configMaps}?watch=true&resourceVersion=1&${short}`, 1, {
        only: ['0.type', '0.object.code', '0.object.reason', '0.object.kind'],
      }),
    ],
  },
  {
    name: 'watch: a resourceVersion of the future',
    steps: [watch(`${configMaps}?watch=true&resourceVersion=99999999&${short}`, 1)],
  },
  {
    name: 'watch: ends by itself',
    steps: [watch(`${configMaps}?watch=true&labelSelector=none&timeoutSeconds=1`, 1)],
  },
  {
    name: 'watch: in a namespace that does not exist',
    steps: [watch('/api/v1/namespaces/missing/configmaps?watch=true&timeoutSeconds=1', 1)],
  },
  {
    name: 'watch: with a finalizer, marking is a MODIFIED',
    steps: [
      quiet(
        post(configMaps, configMap('f', {}, { labels: { x: 'y' }, finalizers: ['example.com/f'] })),
      ),
      list,
      startWatch('w', `${configMaps}?watch=true&${mine}&${from}`, 3),
      quiet(del(`${configMaps}/f`)),
      quiet(mergePatch(`${configMaps}/f`, { metadata: { finalizers: null } })),
      quiet(post(configMaps, configMap('g', {}, { labels: { x: 'y' } }))),
      collect('w'),
    ],
  },
  {
    name: 'watch: a write that changes nothing is no event',
    steps: [
      made,
      list,
      startWatch('w', `${configMaps}?watch=true&${mine}&${from}`, 1),
      quiet(put(`${configMaps}/a`, ({ a }: any) => a)),
      change,
      collect('w'),
    ],
  },
  ...refused.map((query) => ({
    name: `watch: ${query}`,
    steps: [
      get(`${configMaps}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dnone&${query}`, {
        only: ['kind', 'code', 'reason', 'message', 'details'],
      }),
    ],
  })),
];
