/**
 * What single kinds add to the common rules: what admission gives to Pods, limits and quotas,
 * defaults, validation texts, and what an update may change.
 */
import {
  configMap,
  configMaps,
  del,
  deployment,
  deployments,
  get,
  jobs,
  mergePatch,
  pod,
  pods,
  podSpec,
  post,
  put,
  quiet,
  secrets,
  serviceAccounts,
  services,
  type Case,
  type Step,
} from '../case.ts';

const limitRanges = '/api/v1/namespaces/{ns}/limitranges';
const quotas = '/api/v1/namespaces/{ns}/resourcequotas';
const claims = '/api/v1/namespaces/{ns}/persistentvolumeclaims';
const events = '/api/v1/namespaces/{ns}/events';
const newEvents = '/apis/events.k8s.io/v1/namespaces/{ns}/events';
const scalersV1 = '/apis/autoscaling/v1/namespaces/{ns}/horizontalpodautoscalers';
const scalersV2 = '/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers';
const budgets = '/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets';
const priorities = '/apis/scheduling.k8s.io/v1/priorityclasses';
const statefulSets = '/apis/apps/v1/namespaces/{ns}/statefulsets';
const daemonSets = '/apis/apps/v1/namespaces/{ns}/daemonsets';
const cronJobs = '/apis/batch/v1/namespaces/{ns}/cronjobs';
const ingresses = '/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses';
const policies = '/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies';
const roles = '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles';
const bindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings';

const container = (more = {}): object => ({
  name: 'main',
  image: 'registry.example/app:1',
  ...more,
});
const withResources = (resources: object): object => ({ containers: [container({ resources })] });

/** One request on one object; its name is its title. */
const single = (title: string, step: Step): Case => ({ name: `kinds: ${title}`, steps: [step] });

const podAdmission: Case[] = [
  {
    name: 'kinds: a bare Pod, all that it is given',
    steps: [post(pods, pod('a')), get(`${pods}/a`)],
  },
  {
    name: 'kinds: a Pod with tolerations of its own',
    steps: [
      post(
        pods,
        pod('a', {
          tolerations: [
            { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
          ],
        }),
        { only: ['spec.tolerations'] },
      ),
      post(pods, pod('b', { tolerations: [{ operator: 'Exists' }] }), {
        only: ['spec.tolerations'],
      }),
      post(pods, pod('c', { tolerations: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }), {
        only: ['spec.tolerations'],
      }),
    ],
  },
  {
    name: 'kinds: a Pod’s service account gives its pull secrets',
    steps: [
      quiet(
        post(serviceAccounts, {
          metadata: { name: 'builder' },
          imagePullSecrets: [{ name: 'registry-key' }],
        }),
      ),
      post(pods, pod('a', { serviceAccountName: 'builder' }), {
        only: ['spec.imagePullSecrets', 'spec.serviceAccountName', 'spec.serviceAccount'],
      }),
      post(pods, pod('b', { serviceAccountName: 'builder', imagePullSecrets: [{ name: 'own' }] }), {
        only: ['spec.imagePullSecrets'],
      }),
    ],
  },
  single(
    'a Pod with a service account that is not there',
    post(pods, pod('a', { serviceAccountName: 'nobody' })),
  ),
  {
    name: 'kinds: a token is mounted unless Pod or account say no',
    steps: [
      post(pods, pod('a', { automountServiceAccountToken: true })),
      quiet(
        post(serviceAccounts, { metadata: { name: 'quiet' }, automountServiceAccountToken: false }),
      ),
      post(
        pods,
        {
          metadata: { name: 'b' },
          spec: { serviceAccountName: 'quiet', containers: [container()] },
        },
        { only: ['spec.volumes', 'spec.containers'] },
      ),
    ],
  },
  {
    name: 'kinds: a Pod’s priority is its class’s',
    steps: [
      quiet(
        post(priorities, {
          metadata: { name: '{id}' },
          value: 1_000,
          preemptionPolicy: 'Never',
        }),
      ),
      post(pods, pod('a', { priorityClassName: '{id}' }), {
        only: ['spec.priority', 'spec.preemptionPolicy', 'spec.priorityClassName'],
      }),
      post(pods, pod('b', { priorityClassName: '{id}', priority: 7 })),
      post(pods, pod('c', { priorityClassName: '{id}', preemptionPolicy: 'PreemptLowerPriority' })),
      post(pods, pod('d', { priorityClassName: '{id}', priority: 1_000 }), {
        only: ['spec.priority'],
      }),
      quiet(del(`${priorities}/{id}`)),
    ],
  },
  single('a Pod with a priority and no class', post(pods, pod('a', { priority: 5 }))),
  single(
    'a Pod of a priority class that is not there',
    post(pods, pod('a', { priorityClassName: 'nothing-like-it' })),
  ),
  single(
    'a Pod of a system priority class',
    post(pods, pod('a', { priorityClassName: 'system-node-critical' }), {
      only: ['spec.priority', 'spec.priorityClassName', 'spec.preemptionPolicy'],
    }),
  ),
  {
    name: 'kinds: the system priority classes are there',
    steps: [
      get(`${priorities}/system-node-critical`),
      get(`${priorities}/system-cluster-critical`),
    ],
  },
  {
    name: 'kinds: priority classes that are refused',
    steps: [
      post(priorities, { metadata: { name: 'system-mine' }, value: 1 }),
      post(priorities, { metadata: { name: '{id}' }, value: 1_000_000_001 }),
      post(priorities, { metadata: { name: '{id}' }, value: 1, preemptionPolicy: 'Sometimes' }),
    ],
  },
  {
    name: 'kinds: a priority class keeps its value',
    steps: [
      post(priorities, { metadata: { name: '{id}' }, value: 10 }),
      mergePatch(`${priorities}/{id}`, { value: 11 }),
      mergePatch(`${priorities}/{id}`, { preemptionPolicy: 'Never' }),
      mergePatch(`${priorities}/{id}`, { description: 'for tests' }, { only: ['description'] }),
      quiet(del(`${priorities}/{id}`)),
    ],
  },
  single(
    'a Pod of a runtime class that is not there',
    post(pods, pod('a', { runtimeClassName: 'nothing-like-it' })),
  ),
  {
    name: 'kinds: quality of service by requests and limits',
    steps: [
      post(pods, pod('best-effort'), { only: ['status'] }),
      post(pods, pod('burstable', withResources({ requests: { cpu: '100m' } })), {
        only: ['status', 'spec.containers.0.resources'],
      }),
      post(pods, pod('guaranteed', withResources({ limits: { cpu: '1', memory: '64Mi' } })), {
        only: ['status', 'spec.containers.0.resources'],
      }),
    ],
  },
];

const memoryLimits = {
  metadata: { name: 'limits' },
  spec: {
    limits: [
      {
        type: 'Container',
        default: { cpu: '500m', memory: '128Mi' },
        defaultRequest: { cpu: '100m' },
        max: { cpu: '1', memory: '256Mi' },
        min: { memory: '16Mi' },
      },
    ],
  },
};

const limitCases: Case[] = [
  {
    name: 'kinds: a limit range gives defaults to containers',
    steps: [
      post(limitRanges, memoryLimits),
      post(pods, pod('a'), {
        only: ['spec.containers.0.resources', 'metadata.annotations', 'status.qosClass'],
      }),
      post(pods, pod('b', withResources({ requests: { cpu: '50m' }, limits: { cpu: '200m' } })), {
        only: ['spec.containers.0.resources', 'metadata.annotations'],
      }),
    ],
  },
  {
    name: 'kinds: a limit range refuses what is beyond it',
    steps: [
      quiet(post(limitRanges, memoryLimits)),
      post(pods, pod('a', withResources({ limits: { memory: '512Mi' } }))),
      post(pods, pod('b', withResources({ limits: { memory: '1Mi' } }))),
    ],
  },
  {
    name: 'kinds: a limit range over whole Pods, with a ratio',
    steps: [
      quiet(
        post(limitRanges, {
          metadata: { name: 'limits' },
          spec: {
            limits: [{ type: 'Pod', max: { cpu: '1' }, maxLimitRequestRatio: { memory: '2' } }],
          },
        }),
      ),
      post(pods, pod('a')),
      post(
        pods,
        pod('b', {
          containers: ['x', 'y'].map((name) =>
            container({ name, resources: { limits: { cpu: '600m', memory: '64Mi' } } }),
          ),
        }),
      ),
      post(
        pods,
        pod(
          'c',
          withResources({
            requests: { cpu: '100m', memory: '16Mi' },
            limits: { cpu: '500m', memory: '64Mi' },
          }),
        ),
      ),
    ],
  },
  {
    name: 'kinds: a limit range over claims',
    steps: [
      quiet(
        post(limitRanges, {
          metadata: { name: 'limits' },
          spec: {
            limits: [
              { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
            ],
          },
        }),
      ),
      ...['500Mi', '4Gi'].map((storage) =>
        post(claims, {
          metadata: { name: 'a' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
        }),
      ),
    ],
  },
  ...Object.entries({
    'whose default is more than its maximum': {
      type: 'Container',
      default: { cpu: '2' },
      max: { cpu: '1' },
    },
    'whose minimum is more than its maximum': {
      type: 'Container',
      min: { cpu: '2' },
      max: { cpu: '1' },
    },
    'with defaults for Pods': { type: 'Pod', default: { cpu: '1' } },
    'without a type': { max: { cpu: '1' } },
    'over claims that says nothing': { type: 'PersistentVolumeClaim', max: { cpu: '1' } },
    'with a ratio below 1': { type: 'Container', maxLimitRequestRatio: { cpu: '500m' } },
    'whose request is more than its default': {
      type: 'Container',
      default: { cpu: '1' },
      defaultRequest: { cpu: '2' },
    },
  }).map(([title, limit]) =>
    single(
      `a limit range ${title}`,
      post(limitRanges, { metadata: { name: 'limits' }, spec: { limits: [limit] } }),
    ),
  ),
];

/** The numbers that a controller would count, written by hand: only admission is asked. */
const quota = (hard: object, used: object, more = {}): Step[] => [
  quiet(post(quotas, { metadata: { name: 'quota' }, spec: { hard, ...more } })),
  quiet(
    put(`${quotas}/quota/status`, {
      metadata: { name: 'quota' },
      spec: { hard, ...more },
      status: { hard, used },
    }),
  ),
];
/** Upstream's admission reads quotas from a cache; the first refusal shows that it has seen them. */
const untilRefused = (path: string, body: unknown): Step =>
  post(`${path}?dryRun=All`, body, { until: ({ status }) => status === 403 });

const quotaCases: Case[] = [
  {
    name: 'kinds: a quota of Pods that is used up',
    steps: [...quota({ pods: '1' }, { pods: '1' }), untilRefused(pods, pod('a'))],
  },
  {
    name: 'kinds: a quota counts what it lets in',
    steps: [
      ...quota(
        { pods: '2', 'requests.cpu': '1', 'count/configmaps': '1' },
        { pods: '1', 'requests.cpu': '500m', 'count/configmaps': '1' },
      ),
      untilRefused(configMaps, configMap('x')),
      post(pods, pod('a', withResources({ requests: { cpu: '250m' } })), {
        only: ['metadata.name'],
      }),
      get(`${quotas}/quota`, { only: ['status'] }),
      post(pods, pod('b', withResources({ requests: { cpu: '250m' } }))),
    ],
  },
  {
    name: 'kinds: a quota of resources wants requests and limits said',
    steps: [
      ...quota(
        { 'requests.memory': '1Gi', 'limits.cpu': '2' },
        { 'requests.memory': '0', 'limits.cpu': '0' },
      ),
      untilRefused(pods, pod('a')),
      post(
        pods,
        pod('b', withResources({ requests: { memory: '2Gi', cpu: '1' }, limits: { cpu: '3' } })),
      ),
    ],
  },
  {
    name: 'kinds: a quota that nobody has counted yet',
    steps: [
      quiet(post(quotas, { metadata: { name: 'quota' }, spec: { hard: { services: '5' } } })),
      untilRefused(services, { metadata: { name: 'a' }, spec: { ports: [{ port: 80 }] } }),
    ],
  },
  {
    name: 'kinds: a quota of services by type',
    steps: [
      ...quota(
        { services: '5', 'services.nodeports': '0', 'services.loadbalancers': '0' },
        { services: '0', 'services.nodeports': '0', 'services.loadbalancers': '0' },
      ),
      untilRefused(services, {
        metadata: { name: 'a' },
        spec: { type: 'NodePort', ports: [{ port: 80 }] },
      }),
      post(
        services,
        { metadata: { name: 'b' }, spec: { ports: [{ port: 80 }] } },
        { only: ['metadata.name'] },
      ),
      get(`${quotas}/quota`, { only: ['status'] }),
    ],
  },
  {
    name: 'kinds: a quota of storage',
    steps: [
      ...quota(
        { persistentvolumeclaims: '3', 'requests.storage': '2Gi' },
        { persistentvolumeclaims: '0', 'requests.storage': '1Gi' },
      ),
      untilRefused(claims, {
        metadata: { name: 'a' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
      }),
    ],
  },
  {
    name: 'kinds: a quota with a scope counts only what is in it',
    steps: [
      ...quota({ pods: '0' }, { pods: '0' }, { scopes: ['BestEffort'] }),
      untilRefused(pods, pod('a')),
      post(pods, pod('b', withResources({ requests: { cpu: '1m' } })), {
        only: ['metadata.name'],
      }),
    ],
  },
  ...Object.entries({
    'with a negative number': { hard: { pods: '-1' } },
    'with part of a Pod': { hard: { pods: '1500m' } },
    'with an unknown scope': { hard: { pods: '1' }, scopes: ['Weekend'] },
    'with scopes that exclude each other': {
      hard: { pods: '1' },
      scopes: ['BestEffort', 'NotBestEffort'],
    },
    'with a scope that does not fit': { hard: { services: '1' }, scopes: ['BestEffort'] },
    'of an unknown resource': { hard: { unicorns: '1' } },
    'with no number at all': { hard: { pods: 'many' } },
  }).map(([title, spec]) =>
    single(`a quota ${title}`, post(quotas, { metadata: { name: 'quota' }, spec })),
  ),
  {
    name: 'kinds: a quota keeps its scopes',
    steps: [
      quiet(
        post(quotas, {
          metadata: { name: 'quota' },
          spec: { hard: { pods: '1' }, scopes: ['BestEffort'] },
        }),
      ),
      mergePatch(`${quotas}/quota`, { spec: { scopes: ['NotBestEffort'] } }),
    ],
  },
];

/** Titles and pod specs that a real server refuses. */
const podProblems: Readonly<Record<string, object>> = {
  'no containers': { containers: [] },
  'a container without a name': { containers: [{ image: 'a' }] },
  'a container without an image': { containers: [{ name: 'a' }] },
  'a container name in upper case': { containers: [container({ name: 'Main' })] },
  'two containers of one name': { containers: [container(), container()] },
  'an init container of a container’s name': { initContainers: [container()] },
  'an image with a space': { containers: [container({ image: ' registry.example/app' })] },
  'a port out of range': { containers: [container({ ports: [{ containerPort: 70_000 }] })] },
  'a port without a number': { containers: [container({ ports: [{ name: 'http' }] })] },
  'a port with a long name': {
    containers: [container({ ports: [{ name: 'a-very-long-port-name', containerPort: 1 }] })],
  },
  'two ports of one name': {
    containers: [
      container({ ports: [1, 2].map((containerPort) => ({ name: 'http', containerPort })) }),
    ],
  },
  'a host port without the host’s network': {
    containers: [container({ ports: [{ containerPort: 80, hostPort: 99_999 }] })],
  },
  'a host network whose ports differ': {
    hostNetwork: true,
    containers: [container({ ports: [{ containerPort: 80, hostPort: 81 }] })],
  },
  'an unknown protocol': {
    containers: [container({ ports: [{ containerPort: 80, protocol: 'HTTP' }] })],
  },
  'an environment variable without a name': { containers: [container({ env: [{ value: 'x' }] })] },
  'an environment variable with "=" in its name': {
    containers: [container({ env: [{ name: 'A=B', value: 'x' }] })],
  },
  'a variable with two sources': {
    containers: [
      container({
        env: [
          {
            name: 'A',
            value: 'x',
            valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } },
          },
        ],
      }),
    ],
  },
  'a variable from an unknown field': {
    containers: [
      container({
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'status.nonsense' } } }],
      }),
    ],
  },
  'a variable from no source': { containers: [container({ env: [{ name: 'A', valueFrom: {} }] })] },
  'a variable from a key without a name': {
    containers: [container({ env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'a' } } }] })],
  },
  'an environment from nowhere': { containers: [container({ envFrom: [{}] })] },
  'a mount of no volume': {
    containers: [container({ volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
  },
  'a mount without a path': {
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [container({ volumeMounts: [{ name: 'data' }] })],
  },
  'a mount with a path that leaves it': {
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [
      container({ volumeMounts: [{ name: 'data', mountPath: '/data', subPath: '../up' }] }),
    ],
  },
  'two mounts at one path': {
    volumes: [{ name: 'data', emptyDir: {} }],
    containers: [
      container({
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'data', mountPath: '/data' },
        ],
      }),
    ],
  },
  'two volumes of one name': {
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'data', emptyDir: {} },
    ],
  },
  'a volume with two sources': {
    volumes: [{ name: 'data', emptyDir: {}, hostPath: { path: '/tmp' } }],
  },
  'a volume of a claim without a name': {
    volumes: [{ name: 'data', persistentVolumeClaim: {} }],
  },
  'a volume of a ConfigMap without a name': { volumes: [{ name: 'data', configMap: {} }] },
  'a volume of a Secret without a name': { volumes: [{ name: 'data', secret: {} }] },
  'a volume mode out of range': {
    volumes: [{ name: 'data', configMap: { name: 'a', defaultMode: 4_096 } }],
  },
  'a host path that goes back': { volumes: [{ name: 'data', hostPath: { path: '/a/../b' } }] },
  'an unknown restart policy': { restartPolicy: 'Sometimes' },
  'an unknown DNS policy': { dnsPolicy: 'Magic' },
  'DNS of its own without servers': { dnsPolicy: 'None' },
  'a negative grace period': { terminationGracePeriodSeconds: -1 },
  'a deadline of 0': { activeDeadlineSeconds: 0 },
  'a host name in upper case': { hostname: 'Web_1' },
  'a node selector with a bad key': { nodeSelector: { 'bad key': 'x' } },
  'a toleration with an unknown operator': { tolerations: [{ key: 'a', operator: 'Like' }] },
  'a toleration with an unknown effect': {
    tolerations: [{ key: 'a', operator: 'Exists', effect: 'Never' }],
  },
  'a toleration of all with a value': { tolerations: [{ operator: 'Exists', value: 'x' }] },
  'a toleration of nothing': { tolerations: [{ key: '', operator: 'Equal' }] },
  'seconds without NoExecute': {
    tolerations: [{ key: 'a', operator: 'Exists', effect: 'NoSchedule', tolerationSeconds: 5 }],
  },
  'a request beyond the limit': withResources({ requests: { cpu: '2' }, limits: { cpu: '1' } }),
  'a negative request': withResources({ requests: { memory: '-1Mi' } }),
  'a resource without a domain': withResources({ limits: { unicorns: '1' } }),
  'a probe without a handler': { containers: [container({ livenessProbe: {} })] },
  'a probe with two handlers': {
    containers: [
      container({ readinessProbe: { exec: { command: ['true'] }, tcpSocket: { port: 80 } } }),
    ],
  },
  'a probe of no port': { containers: [container({ readinessProbe: { tcpSocket: { port: 0 } } })] },
  'a probe of an unknown scheme': {
    containers: [container({ livenessProbe: { httpGet: { port: 80, scheme: 'FTP' } } })],
  },
  'a probe with an empty command': { containers: [container({ livenessProbe: { exec: {} } })] },
  'a liveness probe that wants two successes': {
    containers: [container({ livenessProbe: { tcpSocket: { port: 80 }, successThreshold: 2 } })],
  },
  'a probe with negative times': {
    containers: [container({ startupProbe: { tcpSocket: { port: 80 }, initialDelaySeconds: -1 } })],
  },
  'a probe on an init container': {
    initContainers: [container({ name: 'init', livenessProbe: { tcpSocket: { port: 80 } } })],
  },
  'an unknown pull policy': { containers: [container({ imagePullPolicy: 'Often' })] },
  'an unknown message policy': { containers: [container({ terminationMessagePolicy: 'Tweet' })] },
  'a service account name that is none': { serviceAccountName: 'Bad_Name' },
  'a user that is negative': { securityContext: { runAsUser: -1 } },
  'a container that forbids and wants privileges': {
    containers: [
      container({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    ],
  },
  'a host alias that is no address': { hostAliases: [{ ip: 'localhost', hostnames: ['a'] }] },
  'an ephemeral container from the start': {
    ephemeralContainers: [{ name: 'debug', image: 'a' }],
  },
  'a preStop hook without a handler': {
    containers: [container({ lifecycle: { preStop: {} } })],
  },
  'an affinity that prefers without a weight': {
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } },
        ],
      },
    },
  },
  'a spread without a key': {
    topologySpreadConstraints: [{ maxSkew: 0, whenUnsatisfiable: 'Maybe' }],
  },
  'a readiness gate that is no condition': { readinessGates: [{ conditionType: 'not a type' }] },
  'an overhead without a runtime class': { overhead: { cpu: '-1' } },
};

const podValidation: Case[] = Object.entries(podProblems).map(([title, spec]) =>
  single(`a Pod with ${title}`, post(pods, pod('a', spec))),
);

const podUpdates: Case[] = [
  {
    name: 'kinds: what an update may change of a Pod',
    steps: [
      quiet(post(pods, pod('a', { activeDeadlineSeconds: 100 }))),
      mergePatch(
        `${pods}/a`,
        { spec: { activeDeadlineSeconds: 50 } },
        { only: ['spec.activeDeadlineSeconds'] },
      ),
      mergePatch(`${pods}/a`, { spec: { activeDeadlineSeconds: 200 } }),
      mergePatch(`${pods}/a`, { spec: { activeDeadlineSeconds: null } }),
      mergePatch(`${pods}/a`, { spec: { containers: [] } }),
      mergePatch(`${pods}/a`, { spec: { tolerations: [] } }),
      mergePatch(`${pods}/a`, { spec: { terminationGracePeriodSeconds: 5 } }),
    ],
  },
  {
    name: 'kinds: an update adds a toleration to a Pod',
    steps: [
      quiet(post(pods, pod('a'), { save: 'made' })),
      put(
        `${pods}/a`,
        ({ made }: Record<string, any>) => ({
          ...made,
          spec: {
            ...made.spec,
            tolerations: [
              ...(made.spec.tolerations ?? []),
              { key: 'extra', operator: 'Exists', effect: 'NoSchedule' },
            ],
          },
        }),
        { only: ['spec.tolerations', 'metadata.generation', 'message'] },
      ),
    ],
  },
  {
    name: 'kinds: a Pod’s node by binding',
    steps: [
      quiet(post(pods, pod('a'))),
      post(`${pods}/a/binding`, {
        metadata: { name: 'a' },
        target: { kind: 'Node', name: 'node-x' },
      }),
      get(`${pods}/a`, { only: ['spec.nodeName', 'status.conditions', 'metadata.generation'] }),
      post(`${pods}/a/binding`, {
        metadata: { name: 'a' },
        target: { kind: 'Node', name: 'node-y' },
      }),
      post(`${pods}/a/binding`, { metadata: { name: 'a' }, target: { kind: 'Moon', name: 'x' } }),
      post(`${pods}/b/binding`, { metadata: { name: 'b' }, target: { kind: 'Node', name: 'x' } }),
      quiet(del(`${pods}/a?gracePeriodSeconds=0`)),
    ],
  },
  {
    name: 'kinds: an ephemeral container comes later',
    steps: [
      quiet(post(pods, pod('a'))),
      mergePatch(
        `${pods}/a/ephemeralcontainers`,
        { spec: { ephemeralContainers: [{ name: 'debug', image: 'registry.example/debug:1' }] } },
        { only: ['spec.ephemeralContainers', 'metadata.generation', 'message'] },
      ),
      mergePatch(`${pods}/a/ephemeralcontainers`, { spec: { ephemeralContainers: [] } }),
      mergePatch(`${pods}/a/ephemeralcontainers`, {
        spec: {
          ephemeralContainers: [
            { name: 'debug', image: 'registry.example/debug:1' },
            { name: 'main', image: 'registry.example/debug:1', ports: [{ containerPort: 1 }] },
          ],
        },
      }),
      get(`${pods}/a/ephemeralcontainers`, { only: ['spec.ephemeralContainers', 'kind'] }),
    ],
  },
];

const evictions: Case[] = [
  {
    name: 'kinds: an eviction that a budget forbids',
    steps: [
      quiet(post(pods, pod('a', { nodeName: 'node-x' }, { labels: { app: 'a' } }))),
      quiet(
        mergePatch(`${pods}/a/status`, {
          status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
        }),
      ),
      quiet(
        post(budgets, {
          metadata: { name: 'budget' },
          spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } },
        }),
      ),
      post(`${pods}/a/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'a' },
      }),
      quiet(
        mergePatch(`${budgets}/budget/status`, {
          status: {
            observedGeneration: 1,
            disruptionsAllowed: 0,
            currentHealthy: 1,
            desiredHealthy: 1,
            expectedPods: 1,
          },
        }),
      ),
      post(`${pods}/a/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'a' },
      }),
      quiet(
        mergePatch(`${budgets}/budget/status`, {
          status: { disruptionsAllowed: 1, desiredHealthy: 0 },
        }),
      ),
      post(`${pods}/a/eviction?dryRun=All`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'a' },
      }),
      post(`${pods}/a/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'a' },
      }),
      get(`${budgets}/budget`, { only: ['status.disruptionsAllowed', 'status.disruptedPods.a'] }),
      get(`${pods}/a`, { only: ['status.conditions', 'metadata.deletionGracePeriodSeconds'] }),
      quiet(del(`${pods}/a?gracePeriodSeconds=0`)),
    ],
  },
  {
    name: 'kinds: an eviction of a Pod that is not there',
    steps: [
      post(`${pods}/a/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'a' },
      }),
      quiet(post(pods, pod('b'))),
      post(`${pods}/b/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'other' },
      }),
      post(`${pods}/b/eviction`, {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name: 'b' },
      }),
    ],
  },
  single(
    'a budget that says two things',
    post(budgets, { metadata: { name: 'a' }, spec: { minAvailable: 1, maxUnavailable: 1 } }),
  ),
  single(
    'a budget of a negative number and a bad percentage',
    post(budgets, { metadata: { name: 'a' }, spec: { minAvailable: -1 } }),
  ),
  single(
    'a budget beyond 100 %',
    post(budgets, { metadata: { name: 'a' }, spec: { maxUnavailable: '101%' } }),
  ),
];

const template = (labels = { app: 'a' }, spec = {}): object => ({
  metadata: { labels },
  spec: podSpec(spec),
});
const selector = { matchLabels: { app: 'a' } };

const statefulSet = (spec = {}): object => ({
  metadata: { name: 'a' },
  spec: { replicas: 0, serviceName: 'a', selector, template: template(), ...spec },
});
const daemonSet = (spec = {}): object => ({
  metadata: { name: 'a' },
  spec: { selector, template: template(), ...spec },
});
const job = (spec = {}): object => ({
  metadata: { name: 'a' },
  spec: { template: { spec: podSpec({ restartPolicy: 'Never' }) }, suspend: true, ...spec },
});
const cronJob = (spec = {}): object => ({
  metadata: { name: 'a' },
  spec: {
    schedule: '*/5 * * * *',
    suspend: true,
    jobTemplate: { spec: { template: { spec: podSpec({ restartPolicy: 'Never' }) } } },
    ...spec,
  },
});

const deploymentProblems: Readonly<Record<string, object>> = {
  'a selector that does not match': { selector: { matchLabels: { app: 'other' } } },
  'an empty selector': { selector: {} },
  'no selector': { selector: undefined },
  'no template': { template: undefined },
  'a negative number of replicas': { replicas: -1 },
  'an unknown strategy': { strategy: { type: 'Magic' } },
  'Recreate with numbers': { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
  'no room to roll': {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } },
  },
  'a bad percentage': {
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 'ten', maxUnavailable: '200%' } },
  },
  'a deadline below minReadySeconds': { minReadySeconds: 700 },
  'a Pod that ends': { template: template({ app: 'a' }, { restartPolicy: 'Never' }) },
  'a Pod with a deadline': { template: template({ app: 'a' }, { activeDeadlineSeconds: 5 }) },
  'a selector with a bad operator': {
    selector: { matchExpressions: [{ key: 'app', operator: 'Like', values: ['a'] }] },
  },
  'a selector with a bad key': { selector: { matchLabels: { 'bad key': 'a' } } },
};

const workloadCases: Case[] = [
  ...Object.entries(deploymentProblems).map(([title, spec]) =>
    single(`a Deployment with ${title}`, post(deployments, deployment('a', spec))),
  ),
  {
    name: 'kinds: a Deployment keeps its selector',
    steps: [
      quiet(post(deployments, deployment('a'))),
      mergePatch(`${deployments}/a`, {
        spec: {
          selector: { matchLabels: { app: 'a', more: 'b' } },
          template: { metadata: { labels: { app: 'a', more: 'b' } } },
        },
      }),
    ],
  },
  single('a StatefulSet, defaulted', post(statefulSets, statefulSet())),
  single(
    'a StatefulSet with claims, defaulted',
    post(
      statefulSets,
      statefulSet({
        volumeClaimTemplates: [
          {
            metadata: { name: 'data' },
            spec: {
              accessModes: ['ReadWriteOnce'],
              resources: { requests: { storage: '1Gi' } },
            },
          },
        ],
      }),
    ),
  ),
  ...Object.entries({
    'an unknown management policy': { podManagementPolicy: 'Chaos' },
    'an unknown strategy': { updateStrategy: { type: 'Magic' } },
    'OnDelete with a partition': {
      updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } },
    },
    'a negative partition': { updateStrategy: { rollingUpdate: { partition: -1 } } },
    'a selector that does not match': { selector: { matchLabels: { app: 'other' } } },
    'a bad retention policy': { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Maybe' } },
    'a Pod that ends': { template: template({ app: 'a' }, { restartPolicy: 'Never' }) },
    'a negative start': { ordinals: { start: -1 } },
  }).map(([title, spec]) =>
    single(`a StatefulSet with ${title}`, post(statefulSets, statefulSet(spec))),
  ),
  {
    name: 'kinds: what an update may change of a StatefulSet',
    steps: [
      quiet(post(statefulSets, statefulSet())),
      mergePatch(`${statefulSets}/a`, { spec: { serviceName: 'b' } }),
      mergePatch(`${statefulSets}/a`, { spec: { replicas: 1 } }, { only: ['spec.replicas'] }),
    ],
  },
  single('a DaemonSet, defaulted', post(daemonSets, daemonSet())),
  ...Object.entries({
    'an unknown strategy': { updateStrategy: { type: 'Magic' } },
    'no room to roll': { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } },
    'surge and absence at once': {
      updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
    },
    'a selector that does not match': { selector: { matchLabels: { app: 'other' } } },
    'an empty selector': { selector: {} },
    'a Pod that ends': { template: template({ app: 'a' }, { restartPolicy: 'Never' }) },
  }).map(([title, spec]) => single(`a DaemonSet with ${title}`, post(daemonSets, daemonSet(spec)))),
  single('a Job, defaulted', post(jobs, job())),
  ...Object.entries({
    'Pods that always restart': { template: { spec: podSpec({ restartPolicy: 'Always' }) } },
    'no restart policy': { template: { spec: podSpec() } },
    'a negative parallelism': { parallelism: -1 },
    'a negative back-off limit': { backoffLimit: -1 },
    'indexes without completions': { completionMode: 'Indexed' },
    'an unknown completion mode': { completionMode: 'Random' },
    'limits per index without indexes': { backoffLimitPerIndex: 1 },
    'failed indexes without a limit per index': {
      completionMode: 'Indexed',
      completions: 2,
      maxFailedIndexes: 1,
    },
    'a success policy without indexes': { successPolicy: { rules: [{ succeededCount: 1 }] } },
    'a success policy that says nothing': {
      completionMode: 'Indexed',
      completions: 2,
      successPolicy: { rules: [{}] },
    },
    'a success policy beyond its completions': {
      completionMode: 'Indexed',
      completions: 2,
      successPolicy: { rules: [{ succeededIndexes: '0-5', succeededCount: 9 }] },
    },
    'a failure policy with restarts in place': {
      template: { spec: podSpec({ restartPolicy: 'OnFailure' }) },
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }],
      },
    },
    'a failure policy with bad rules': {
      podFailurePolicy: {
        rules: [
          { action: 'Shrug', onExitCodes: { operator: 'In', values: [0] } },
          { action: 'Ignore' },
          { action: 'Ignore', onExitCodes: { operator: 'Maybe', values: [] } },
          { action: 'FailIndex', onExitCodes: { operator: 'In', values: [2, 1] } },
          {
            action: 'Count',
            onExitCodes: { operator: 'In', values: [1], containerName: 'nobody' },
          },
        ],
      },
    },
    'a replacement policy that does not fit': {
      podReplacementPolicy: 'TerminatingOrFailed',
      podFailurePolicy: {
        rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } }],
      },
    },
    'an unknown replacement policy': { podReplacementPolicy: 'Never' },
    'a bad manager': { managedBy: 'nobody in particular' },
    'a selector that is not its own': { selector: { matchLabels: { app: 'a' } } },
    'a selector by hand without one': { manualSelector: true },
  }).map(([title, spec]) => single(`a Job with ${title}`, post(jobs, job(spec)))),
  {
    name: 'kinds: what an update may change of a Job',
    steps: [
      quiet(post(jobs, job())),
      mergePatch(`${jobs}/a`, { spec: { completions: 3 } }),
      mergePatch(`${jobs}/a`, { spec: { parallelism: 3 } }, { only: ['spec.parallelism'] }),
      mergePatch(`${jobs}/a`, { spec: { completionMode: 'Indexed' } }),
      mergePatch(`${jobs}/a`, { spec: { backoffLimitPerIndex: 1 } }),
      mergePatch(`${jobs}/a`, { spec: { manualSelector: true, selector: null } }),
      mergePatch(`${jobs}/a`, { spec: { template: { spec: { restartPolicy: 'OnFailure' } } } }),
    ],
  },
  single('a CronJob, defaulted', post(cronJobs, cronJob())),
  ...Object.entries({
    'no schedule': { schedule: '' },
    'a schedule of four fields': { schedule: '* * * *' },
    'a minute out of range': { schedule: '99 * * * *' },
    'a schedule that is a word': { schedule: 'sometimes' },
    'a time zone in its schedule': { schedule: 'TZ=Europe/Berlin 0 * * * *' },
    'an unknown time zone': { timeZone: 'Mars/Olympus' },
    'an empty time zone': { timeZone: '' },
    'an unknown concurrency policy': { concurrencyPolicy: 'Maybe' },
    'negative limits': { successfulJobsHistoryLimit: -1, failedJobsHistoryLimit: -1 },
    'a negative deadline': { startingDeadlineSeconds: -1 },
    'Pods that always restart': {
      jobTemplate: { spec: { template: { spec: podSpec({ restartPolicy: 'Always' }) } } },
    },
    'a selector by hand': {
      jobTemplate: {
        spec: { manualSelector: true, template: { spec: podSpec({ restartPolicy: 'Never' }) } },
      },
    },
  }).map(([title, spec]) => single(`a CronJob with ${title}`, post(cronJobs, cronJob(spec)))),
  single(
    'a CronJob with a long name',
    post(cronJobs, { ...cronJob(), metadata: { name: 'a'.repeat(53) } }),
  ),
];

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'a' };
const scalerCases: Case[] = [
  {
    name: 'kinds: a scaler of v2 with defaults, read as v1',
    steps: [
      post(scalersV2, { metadata: { name: 'a' }, spec: { scaleTargetRef, maxReplicas: 3 } }),
      get(`${scalersV1}/a`),
    ],
  },
  {
    name: 'kinds: a scaler of v1, read as v2',
    steps: [
      post(scalersV1, {
        metadata: { name: 'a' },
        spec: { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 55 },
      }),
      get(`${scalersV2}/a`),
      mergePatch(`${scalersV1}/a`, { spec: { targetCPUUtilizationPercentage: 60 } }),
      get(`${scalersV2}/a`, { only: ['spec.metrics'] }),
    ],
  },
  {
    name: 'kinds: what v1 of a scaler cannot say is in annotations',
    steps: [
      post(scalersV2, {
        metadata: { name: 'a', annotations: { own: 'x' } },
        spec: {
          scaleTargetRef,
          maxReplicas: 3,
          behavior: { scaleDown: { stabilizationWindowSeconds: 60 } },
          metrics: [
            {
              type: 'Resource',
              resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
            },
            {
              type: 'Resource',
              resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } },
            },
          ],
        },
      }),
      get(`${scalersV1}/a`),
      mergePatch(`${scalersV1}/a`, { spec: { maxReplicas: 5 } }),
      get(`${scalersV2}/a`),
    ],
  },
  ...Object.entries({
    'no target': { maxReplicas: 1 },
    'a maximum of 0': { scaleTargetRef, maxReplicas: 0 },
    'a minimum of 0': { scaleTargetRef, minReplicas: 0, maxReplicas: 1 },
    'a minimum above its maximum': { scaleTargetRef, minReplicas: 3, maxReplicas: 2 },
    'an unknown metric': { scaleTargetRef, maxReplicas: 2, metrics: [{ type: 'Mood' }] },
    'a metric without its part': {
      scaleTargetRef,
      maxReplicas: 2,
      metrics: [{ type: 'Resource' }],
    },
    'a metric without a target': {
      scaleTargetRef,
      maxReplicas: 2,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Value' } } }],
    },
    'a behaviour out of range': {
      scaleTargetRef,
      maxReplicas: 2,
      behavior: {
        scaleDown: {
          stabilizationWindowSeconds: 9_999,
          policies: [{ type: 'Pods', value: 0, periodSeconds: 0 }],
          selectPolicy: 'Some',
        },
      },
    },
  }).map(([title, spec]) =>
    single(`a scaler with ${title}`, post(scalersV2, { metadata: { name: 'a' }, spec })),
  ),
];

const eventCases: Case[] = [
  {
    name: 'kinds: an event of events.k8s.io, read as a core one',
    steps: [
      post(newEvents, {
        metadata: { name: 'a' },
        eventTime: '2026-01-02T03:04:05.000000Z',
        reportingController: 'example.com/controller',
        reportingInstance: 'controller-1',
        action: 'Testing',
        reason: 'Tested',
        type: 'Normal',
        note: 'all is well',
        regarding: { kind: 'Pod', name: 'a', namespace: '{ns}', apiVersion: 'v1' },
      }),
      get(`${events}/a`),
    ],
  },
  {
    name: 'kinds: a core event, read as one of events.k8s.io',
    steps: [
      post(events, {
        metadata: { name: 'a' },
        involvedObject: { kind: 'Pod', name: 'a', namespace: '{ns}' },
        reason: 'Tested',
        message: 'all is well',
        type: 'Normal',
        count: 3,
        firstTimestamp: '2026-01-02T03:04:05Z',
        lastTimestamp: '2026-01-02T03:05:05Z',
        source: { component: 'tester', host: 'node-x' },
      }),
      get(`${newEvents}/a`),
    ],
  },
  single(
    'an event of events.k8s.io that lacks much',
    post(newEvents, { metadata: { name: 'a' }, regarding: { kind: 'Pod', namespace: '{ns}' } }),
  ),
  single(
    'a core event about another namespace',
    post(events, {
      metadata: { name: 'a' },
      involvedObject: { kind: 'Pod', name: 'a', namespace: 'other' },
    }),
  ),
];

const claim = (spec = {}): object => ({
  metadata: { name: 'a' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});

const otherCases: Case[] = [
  single('a claim, defaulted', post(claims, claim())),
  ...Object.entries({
    'no access mode': { accessModes: [] },
    'an unknown access mode': { accessModes: ['ReadSometimes'] },
    'no storage': { resources: {} },
    'a negative size': { resources: { requests: { storage: '-1Gi' } } },
    'an unknown volume mode': { volumeMode: 'Tape' },
  }).map(([title, spec]) => single(`a claim with ${title}`, post(claims, claim(spec)))),
  {
    name: 'kinds: a claim stays as it is',
    steps: [
      quiet(post(claims, claim())),
      mergePatch(`${claims}/a`, { spec: { accessModes: ['ReadWriteMany'] } }),
      mergePatch(`${claims}/a`, { spec: { resources: { requests: { storage: '2Gi' } } } }),
    ],
  },
  ...Object.entries({
    'of a token without an account': { type: 'kubernetes.io/service-account-token' },
    'of a registry without its key': { type: 'kubernetes.io/dockerconfigjson' },
    'of a registry that is no JSON': {
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': 'bm90IGpzb24=' },
    },
    'of basic auth without anything': { type: 'kubernetes.io/basic-auth' },
    'of ssh without its key': { type: 'kubernetes.io/ssh-auth' },
    'of TLS without its certificate': { type: 'kubernetes.io/tls', data: { 'tls.key': 'YQ==' } },
    'with a bad key': { data: { 'a/b': 'YQ==' } },
    'with data that is not base64': { data: { a: '***' } },
  }).map(([title, more]) =>
    single(`a Secret ${title}`, post(secrets, { metadata: { name: 'a' }, ...more })),
  ),
  {
    name: 'kinds: a Secret keeps its type',
    steps: [
      quiet(post(secrets, { metadata: { name: 'a' }, type: 'example.com/x' })),
      mergePatch(`${secrets}/a`, { type: 'example.com/y' }),
    ],
  },
  single(
    'a ConfigMap with a key in both parts',
    post(configMaps, { metadata: { name: 'a' }, data: { a: 'x' }, binaryData: { a: 'eA==' } }),
  ),
  single(
    'a ConfigMap with bad keys',
    post(configMaps, { metadata: { name: 'a' }, data: { 'a/b': 'x', '..': 'y', '': 'z' } }),
  ),
  {
    name: 'kinds: a ConfigMap that does not change any more',
    steps: [
      quiet(post(configMaps, { ...configMap('a', { a: 'x' }), immutable: true })),
      mergePatch(`${configMaps}/a`, { data: { a: 'y' } }),
      mergePatch(`${configMaps}/a`, { immutable: false }),
      mergePatch(
        `${configMaps}/a`,
        { metadata: { labels: { a: 'b' } } },
        { only: ['metadata.labels'] },
      ),
    ],
  },
  ...Object.entries({
    'without verbs': { rules: [{ apiGroups: [''], resources: ['pods'] }] },
    'without groups': { rules: [{ verbs: ['get'], resources: ['pods'] }] },
    'without resources': { rules: [{ verbs: ['get'], apiGroups: [''] }] },
    'with paths': { rules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] },
  }).map(([title, more]) =>
    single(`a Role ${title}`, post(roles, { metadata: { name: 'a' }, ...more })),
  ),
  ...Object.entries({
    'of another group': { roleRef: { apiGroup: 'example.com', kind: 'Role', name: 'a' } },
    'of an unknown kind': {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Rolle', name: 'a' },
    },
    'without a role’s name': { roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role' } },
    'with bad subjects': {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'a' },
      subjects: [
        { kind: 'ServiceAccount', name: 'Bad_Name' },
        { kind: 'User', apiGroup: 'example.com', name: 'x' },
        { kind: 'Robot', name: 'y' },
        { kind: 'Group' },
      ],
    },
  }).map(([title, more]) =>
    single(`a RoleBinding ${title}`, post(bindings, { metadata: { name: 'a' }, ...more })),
  ),
  {
    name: 'kinds: a RoleBinding keeps its role',
    steps: [
      quiet(
        post(bindings, {
          metadata: { name: 'a' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        }),
      ),
      mergePatch(`${bindings}/a`, { roleRef: { name: 'edit' } }),
    ],
  },
  ...Object.entries({
    'with nothing': {},
    'with a path that is none': {
      rules: [
        {
          http: {
            paths: [
              {
                path: 'a',
                pathType: 'Prefix',
                backend: { service: { name: 'a', port: { number: 80 } } },
              },
            ],
          },
        },
      ],
    },
    'without a path type': {
      rules: [{ http: { paths: [{ backend: { service: { name: 'a', port: { number: 80 } } } }] } }],
    },
    'with a backend that is nothing': {
      rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend: {} }] } }],
    },
    'with a host that is an address': {
      rules: [{ host: '10.0.0.1' }],
    },
    'with a backend of two ports': {
      defaultBackend: { service: { name: 'a', port: { number: 80, name: 'http' } } },
    },
    'with everything right': {
      ingressClassName: 'x',
      tls: [{ hosts: ['a.example'], secretName: 's' }],
      rules: [
        {
          host: '*.example.com',
          http: {
            paths: [
              {
                path: '/a',
                pathType: 'Exact',
                backend: { service: { name: 'a', port: { name: 'http' } } },
              },
            ],
          },
        },
      ],
    },
  }).map(([title, spec]) =>
    single(`an Ingress ${title}`, post(ingresses, { metadata: { name: 'a' }, spec })),
  ),
  ...Object.entries({
    'with defaults': { podSelector: {} },
    'with rules for both ways': {
      podSelector: { matchLabels: { a: 'b' } },
      ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }],
      egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }],
    },
    'with a bad block': {
      podSelector: {},
      ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/99' } }] }],
    },
    'with an exception outside of its block': {
      podSelector: {},
      ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8'] } }] }],
    },
    'with a peer of two kinds': {
      podSelector: {},
      ingress: [{ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }],
    },
    'with a bad port': { podSelector: {}, ingress: [{ ports: [{ port: 99_999, protocol: 'X' }] }] },
    'with an unknown policy type': { podSelector: {}, policyTypes: ['Sideways'] },
  }).map(([title, spec]) =>
    single(`a NetworkPolicy ${title}`, post(policies, { metadata: { name: 'a' }, spec })),
  ),
];

export const kindCases: readonly Case[] = [
  ...podAdmission,
  ...limitCases,
  ...quotaCases,
  ...podValidation,
  ...podUpdates,
  ...evictions,
  ...workloadCases,
  ...scalerCases,
  ...eventCases,
  ...otherCases,
];
