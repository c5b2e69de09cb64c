/** Bodies and answers in YAML. */
import {
  apply,
  configMap,
  configMaps,
  deployment,
  deployments,
  get,
  mergePatch,
  post,
  put,
  quiet,
  secrets,
  watch,
  type Case,
} from '../case.ts';

const YAML = 'application/yaml';
const masked = (body: string): string =>
  body
    .replace(/^( +)uid: .*$/gm, '$1uid: <uid>')
    .replace(/^( +)resourceVersion: .*$/gm, '$1resourceVersion: <rv>')
    .replace(/^( +)managedFields:\n(?:\1(?:- |  ).*\n)*/gm, '')
    .replace(/"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"/g, '"<time>"');
const yaml = { accept: YAML, view: masked } as const;

/** Texts that mean something else in YAML unless they are quoted, or need a form of their own. */
const texts: Readonly<Record<string, string>> = {
  yes: 'yes',
  no: 'No',
  on: 'on',
  off: 'OFF',
  y: 'y',
  n: 'N',
  true: 'true',
  null: 'null',
  tilde: '~',
  empty: '',
  space: ' ',
  leading: ' x',
  trailing: 'x ',
  number: '123',
  float: '1.5e3',
  octal: '0755',
  hex: '0xff',
  sexagesimal: '1:30',
  date: '2020-01-02',
  time: '2020-01-02T03:04:05Z',
  colon: 'a: b',
  hash: 'a #b',
  dash: '- a',
  question: '? a',
  star: '*a',
  ampersand: '&a',
  bang: '!a',
  pipe: '|',
  percent: '%a',
  at: '@a',
  backtick: '`a',
  braces: '{a: b}',
  brackets: '[a]',
  comma: 'a, b',
  quote: "it's",
  double: 'say "hi"',
  backslash: 'a\\b',
  lines: 'one\ntwo\n',
  'lines-2': 'one\ntwo',
  'lines-3': 'one\n\n  two\n\n',
  tab: 'a\tb',
  unicode: 'Grüße ✓',
  control: 'a\u0007b',
  long: 'word '.repeat(40).trim(),
  inf: '.inf',
  nan: '.NaN',
  equals: '=',
  merge: '<<',
  document: '---',
};

export const yamlCases: readonly Case[] = [
  ...Object.entries(texts).map(([key, text]) => ({
    name: `yaml: writes the text ${JSON.stringify(text.slice(0, 24))}`,
    steps: [quiet(post(configMaps, configMap('a', { [key]: text }))), get(`${configMaps}/a`, yaml)],
  })),
  {
    name: 'yaml: a Deployment and a list',
    steps: [
      quiet(post(deployments, deployment('a'))),
      get(`${deployments}/a`, yaml),
      get(deployments, yaml),
    ],
  },
  {
    name: 'yaml: a Secret, and a refusal',
    steps: [
      quiet(post(secrets, { metadata: { name: 'a' }, stringData: { k: 'v' } })),
      get(`${secrets}/a`, yaml),
      get(`${secrets}/b`, { accept: YAML }),
    ],
  },
  {
    name: 'yaml: a body',
    steps: [
      post(
        configMaps,
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: "yes"\n',
        { contentType: YAML },
      ),
      put(
        `${configMaps}/a`,
        '# a comment\nmetadata: {name: a}\ndata:\n  k: |\n    two\n    lines\n',
        { contentType: YAML },
      ),
    ],
  },
  ...(
    [
      ['a text that YAML 1.1 takes for a boolean', 'metadata: {name: a}\ndata: {k: yes}\n'],
      ['a number', 'metadata: {name: a}\ndata: {k: 1}\n'],
      ['keys twice', 'metadata: {name: a}\ndata: {k: "1", k: "2"}\n'],
      ['an alias', 'metadata: &m {name: a}\ndata: {k: "v"}\nextra: *m\n'],
      ['two documents', 'metadata: {name: a}\n---\nmetadata: {name: b}\n'],
      ['a tab', 'metadata:\n\tname: a\n'],
      ['an open bracket', 'metadata: [\n'],
      ['a list', '- a\n- b\n'],
      ['a text', 'hello\n'],
      ['nothing', '# nothing\n'],
      ['an unknown field', 'metadata: {name: a}\nnonsense: 1\n'],
      ['an octal number', 'metadata: {name: a}\nimmutable: 0755\n'],
    ] as const
  ).map(([what, body]) => ({
    name: `yaml: a body with ${what}`,
    steps: [post(configMaps, body, { contentType: YAML })],
  })),
  {
    name: 'yaml: Strict refuses what it does not know',
    steps: [
      post(`${configMaps}?fieldValidation=Strict`, 'metadata: {name: a}\nnonsense: 1\n', {
        contentType: YAML,
      }),
      post(
        `${configMaps}?fieldValidation=Strict`,
        'metadata: {name: a}\ndata: {k: "1", k: "2"}\n',
        { contentType: YAML },
      ),
    ],
  },
  {
    name: 'yaml: an apply',
    steps: [
      apply(
        `${configMaps}/a?fieldManager=m`,
        'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  k: v\n',
      ),
      apply(`${configMaps}/a?fieldManager=m`, 'apiVersion: v1\nkind: ConfigMap\nmetadata: [\n'),
    ],
  },
  {
    name: 'yaml: patches are JSON',
    steps: [
      quiet(post(configMaps, configMap('a'))),
      mergePatch(`${configMaps}/a`, 'data:\n  k: v\n'),
    ],
  },
  {
    name: 'yaml: a table, and no watch',
    steps: [
      quiet(post(configMaps, configMap('a', { k: 'v' }))),
      get(`${configMaps}?fieldSelector=metadata.name=a`, {
        accept: `${YAML};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`,
        view: masked,
      }),
      watch(`${configMaps}?watch=true&timeoutSeconds=1`, 1, { accept: YAML }),
    ],
  },
];
