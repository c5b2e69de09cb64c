/**
 * Objects and ConfigMaps whose fate at the hands of upstream's own defaulting and validation is
 * recorded in `verdicts.json` (see `record.ts`). Written as one change each to an object that is fine.
 */
import { applyCase } from './apply-case.ts';
import type { UpstreamCase } from './apply-case.ts';

const service = (title: string, change: object, more: Partial<UpstreamCase> = {}): UpstreamCase =>
  applyCase('Service', title, change, more);
const container = (title: string, change: object, more: Partial<UpstreamCase> = {}): UpstreamCase =>
  service(`container: ${title}`, { 'spec.template.spec.containers.0': change }, more);
const podSpec = (title: string, change: object, more: Partial<UpstreamCase> = {}): UpstreamCase =>
  service(`pod: ${title}`, { 'spec.template.spec': change }, more);
const scaling = (key: string, value: string, data?: Record<string, string>): UpstreamCase =>
  service(
    `annotation: ${key}=${value}${data ? ` under ${JSON.stringify(data)}` : ''}`,
    { 'spec.template.metadata.annotations': { [`autoscaling.knative.dev/${key}`]: value } },
    data ? { configs: { 'config-autoscaler': data } } : {},
  );
const route = (title: string, change: object, more: Partial<UpstreamCase> = {}): UpstreamCase =>
  applyCase('Route', title, change, more);
const mapping = (title: string, change: object, more: Partial<UpstreamCase> = {}): UpstreamCase =>
  applyCase('DomainMapping', title, change, more);
const configMap = (name: string, data: Record<string, string>): UpstreamCase => ({
  title: `${name} ${JSON.stringify(data)}`,
  kind: 'ConfigMap',
  configs: { [name]: data },
});
const features = (data: Record<string, string>): Partial<UpstreamCase> => ({
  configs: { 'config-features': data },
});
const enabled = (...keys: string[]): Partial<UpstreamCase> =>
  features(Object.fromEntries(keys.map((key) => [key, 'Enabled'])));

const volumeMount = { name: 'v', mountPath: '/v' };
const withVolume = (source: object, mount: object = {}): object => ({
  volumes: [{ name: 'v', ...source }],
  containers: [{ image: 'knit.local/hello', volumeMounts: [{ ...volumeMount, ...mount }] }],
});
const probe = (field: string, value: object): object => ({ [field]: value });
const two = (...changes: object[]): object => ({
  containers: changes.map((change, index) => ({ image: `knit.local/c${index}`, ...change })),
});
const port = { ports: [{ containerPort: 8888 }] };

const metadataCases: readonly UpstreamCase[] = [
  service('passes what is right', {}),
  service('a name with capitals', { metadata: { name: 'Hello' } }),
  service('a name of 64 characters', { metadata: { name: 'a'.repeat(64) } }),
  service('no name', { metadata: { name: '' } }),
  service('generateName', { metadata: { name: '', generateName: 'hello-' } }),
  service('a bad generateName', { metadata: { name: '', generateName: '1-' } }),
  service('an autoscaling annotation on the Service', {
    'metadata.annotations': { 'autoscaling.knative.dev/min-scale': '1' },
  }),
  service('a rollout duration', {
    'metadata.annotations': { 'serving.knative.dev/rollout-duration': '30s' },
  }),
  service('a rollout duration of half a second', {
    'metadata.annotations': { 'serving.knative.dev/rollout-duration': '1500ms' },
  }),
  service('a negative rollout duration', {
    'metadata.annotations': { 'serving.knative.dev/rolloutDuration': '-3s' },
  }),
  service('a rollout duration that is none', {
    'metadata.annotations': { 'serving.knative.dev/rollout-duration': 'soon' },
  }),
  ...['1500ms', '-1s', 'x', '0s', '10s'].map((value) =>
    service(`a progress deadline of ${value}`, {
      'spec.template.metadata.annotations': { 'serving.knative.dev/progress-deadline': value },
    }),
  ),
  service('a networking annotation that is known', {
    'spec.template.metadata.annotations': { 'networking.knative.dev/ingress-class': 'x' },
  }),
  service('a networking annotation that is not', {
    'spec.template.metadata.annotations': { 'networking.knative.dev/mine': 'x' },
  }),
  ...['abc', '0.05', '50', '101'].map((value) =>
    service(`a sidecar percentage of ${value}`, {
      'spec.template.metadata.annotations': {
        'queue.sidecar.serving.knative.dev/resource-percentage': value,
      },
    }),
  ),
  service('sidecar resources that are none', {
    'spec.template.metadata.annotations': {
      'queue.sidecar.serving.knative.dev/cpu-resource-request': 'much',
      'queue.sidecar.serving.knative.dev/memory-resource-limit': '10Mi',
    },
  }),
  service('a template name without the prefix', { 'spec.template.metadata': { name: 'other-1' } }),
  service('a template name with it', { 'spec.template.metadata': { name: 'hello-1' } }),
  service('a template name that is no label', { 'spec.template.metadata': { name: 'hello-A' } }),
  service('a template name under generateName', {
    metadata: { name: '', generateName: 'hello-' },
    'spec.template.metadata': { name: 'hello-1' },
  }),
  applyCase('Configuration', 'a service label without the owner', {
    'metadata.labels': { 'serving.knative.dev/service': 'x' },
  }),
  applyCase('Configuration', 'a service label with the owner', {
    'metadata.labels': { 'serving.knative.dev/service': 'x' },
    metadata: { ownerReferences: [{ kind: 'Service', name: 'x', apiVersion: 'a', uid: 'u' }] },
  }),
  route('a service label without the owner', {
    'metadata.labels': { 'serving.knative.dev/service': 'x' },
  }),
  applyCase('Revision', 'passes what is right', {}),
  applyCase('Revision', 'a configuration label without the owner', {
    'metadata.labels': { 'serving.knative.dev/configuration': 'x' },
  }),
  applyCase('Revision', 'an autoscaling annotation', {
    'metadata.annotations': { 'autoscaling.knative.dev/min-scale': '-1' },
  }),
];

const old = { old: applyCase('Service', '', {}).object } as Partial<UpstreamCase>;
const oldNamed = {
  old: applyCase('Service', '', {
    'spec.template.metadata': { name: 'hello-1', labels: { a: 'a' } },
    'spec.template.spec.containers.0': { env: [{ name: 'A', value: 'a' }] },
  }).object,
} as Partial<UpstreamCase>;
const stamped = {
  'serving.knative.dev/creator': 'eve',
  'serving.knative.dev/lastModifier': 'eve',
};
const oldStamped = {
  old: applyCase('Service', '', {
    'metadata.annotations': stamped,
    'spec.traffic': [{ latestRevision: true, percent: 100 }],
    'spec.template.spec': { timeoutSeconds: 300, containerConcurrency: 0 },
  }).object,
} as Partial<UpstreamCase>;
const updateCases: readonly UpstreamCase[] = [
  service('update: nothing', {}, old),
  service(
    'update: a creator',
    { 'metadata.annotations': { 'serving.knative.dev/creator': 'x' } },
    old,
  ),
  service(
    'update: another creator',
    { 'metadata.annotations': { ...stamped, 'serving.knative.dev/creator': 'x' } },
    oldStamped,
  ),
  service(
    'update: by another user',
    { 'metadata.annotations': stamped, 'spec.template.spec': { timeoutSeconds: 20 } },
    { ...oldStamped, user: 'bob' },
  ),
  service(
    'update: named template unchanged',
    {
      'spec.template.metadata': { name: 'hello-1', labels: { a: 'a' } },
      'spec.template.spec.containers.0': { env: [{ name: 'A', value: 'a' }] },
    },
    oldNamed,
  ),
  service(
    'update: named template with another image',
    {
      'spec.template.metadata': { name: 'hello-1', labels: { a: 'a' } },
      'spec.template.spec.containers.0': {
        image: 'knit.local/other',
        env: [{ name: 'A', value: 'a' }],
      },
    },
    oldNamed,
  ),
  service(
    'update: named template with another environment and label',
    {
      'spec.template.metadata': { name: 'hello-1', labels: { a: 'b' } },
      'spec.template.spec.containers.0': { env: [{ name: 'A', value: 'b' }] },
    },
    oldNamed,
  ),
  applyCase(
    'Revision',
    'update: another image',
    { 'spec.containers.0': { image: 'knit.local/other' } },
    { old: applyCase('Revision', '', {}).object } as Partial<UpstreamCase>,
  ),
  applyCase(
    'Revision',
    'update: an annotation',
    { 'metadata.annotations': { 'autoscaling.knative.dev/min-scale': '2' } },
    { old: applyCase('Revision', '', {}).object } as Partial<UpstreamCase>,
  ),
];

const trafficCases: readonly UpstreamCase[] = [
  ['nothing', []],
  ['a sum of 90', [{ percent: 90 }]],
  ['a percentage over 100', [{ percent: 101 }]],
  ['a negative percentage', [{ percent: 110 }, { percent: -10, tag: 'a' }]],
  ['the same tag twice', [{ percent: 100, tag: 't' }, { tag: 't' }]],
  ['a tag that is no label', [{ percent: 100 }, { tag: 'Now' }]],
  ['a configurationName', [{ configurationName: 'c', percent: 100 }]],
  ['a revisionName', [{ revisionName: 'hello-1', percent: 100 }]],
  ['a revisionName that is none', [{ revisionName: 'hello 1', percent: 100 }]],
  [
    'a revisionName beside latestRevision',
    [{ revisionName: 'x', latestRevision: true, percent: 100 }],
  ],
  ['latestRevision false alone', [{ latestRevision: false, percent: 100 }]],
  ['both names', [{ revisionName: 'x', configurationName: 'c', percent: 100 }]],
  ['a url', [{ percent: 100, url: 'http://x.example.com' }]],
  ['a url with a tag', [{ percent: 100, tag: 'a', url: 'http://x.example.com' }]],
].flatMap(([title, traffic]) => [
  service(`traffic: ${title as string}`, { 'spec.traffic': traffic as object }),
  route(`traffic: ${title as string}`, { 'spec.traffic': traffic as object }),
]);

const podCases: readonly UpstreamCase[] = [
  podSpec('no containers', { containers: [] }),
  podSpec('timeoutSeconds 601', { timeoutSeconds: 601 }),
  podSpec('timeoutSeconds -1', { timeoutSeconds: -1 }),
  podSpec('timeoutSeconds 0', { timeoutSeconds: 0 }),
  podSpec('timeoutSeconds 500', { timeoutSeconds: 500 }),
  podSpec('containerConcurrency 1001', { containerConcurrency: 1001 }),
  podSpec('containerConcurrency -1', { containerConcurrency: -1 }),
  podSpec(
    'containerConcurrency 0 forbidden',
    { containerConcurrency: 0 },
    {
      configs: { 'config-defaults': { 'allow-container-concurrency-zero': 'false' } },
    },
  ),
  podSpec('idle and response start timeouts', {
    idleTimeoutSeconds: 700,
    responseStartTimeoutSeconds: 700,
  }),
  podSpec('a service account that is none', { serviceAccountName: 'foo@bar.baz' }),
  podSpec('a service account', { serviceAccountName: 'robot' }),
  podSpec('automountServiceAccountToken true', { automountServiceAccountToken: true }),
  podSpec('automountServiceAccountToken false', { automountServiceAccountToken: false }),
  podSpec('what is behind features', {
    affinity: { nodeAffinity: {} },
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' },
    ],
    hostAliases: [{ ip: '1.1.1.1' }],
    nodeSelector: { a: 'b' },
    tolerations: [{ key: 'a' }],
    runtimeClassName: 'gvisor',
    securityContext: { runAsUser: 1 },
    shareProcessNamespace: false,
    priorityClassName: 'p',
    schedulerName: 's',
    dnsPolicy: 'None',
    dnsConfig: { nameservers: ['1.1.1.1'] },
    hostIPC: true,
    hostPID: true,
    hostNetwork: true,
  }),
  podSpec(
    'what is behind features, enabled',
    {
      affinity: { nodeAffinity: {} },
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'a', whenUnsatisfiable: 'DoNotSchedule' },
      ],
      hostAliases: [{ ip: '1.1.1.1' }],
      nodeSelector: { a: 'b' },
      tolerations: [{ key: 'a' }],
      runtimeClassName: 'gvisor',
      shareProcessNamespace: true,
      priorityClassName: 'p',
      schedulerName: 's',
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['1.1.1.1'] },
      hostIPC: true,
      hostPID: true,
      hostNetwork: true,
    },
    enabled(
      'kubernetes.podspec-affinity',
      'kubernetes.podspec-topologyspreadconstraints',
      'kubernetes.podspec-hostaliases',
      'kubernetes.podspec-nodeselector',
      'kubernetes.podspec-tolerations',
      'kubernetes.podspec-runtimeclassname',
      'kubernetes.podspec-shareprocessnamespace',
      'kubernetes.podspec-priorityclassname',
      'kubernetes.podspec-schedulername',
      'kubernetes.podspec-dnspolicy',
      'kubernetes.podspec-dnsconfig',
      'kubernetes.podspec-hostipc',
      'kubernetes.podspec-hostpid',
      'kubernetes.podspec-hostnetwork',
    ),
  ),
  podSpec('what is never allowed', {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 3,
    activeDeadlineSeconds: 3,
    nodeName: 'n',
    hostname: 'h',
    subdomain: 's',
  }),
  podSpec(
    'a pod security context out of bounds',
    {
      securityContext: {
        runAsUser: -1,
        runAsGroup: 2147483648,
        fsGroup: -2,
        supplementalGroups: [1, -1],
        sysctls: [{ name: 'a', value: 'b' }],
      },
    },
    enabled('kubernetes.podspec-securitycontext'),
  ),
  podSpec(
    'a pod seccomp profile with secure defaults',
    { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    enabled('secure-pod-defaults'),
  ),
  podSpec(
    'a pod user with secure defaults',
    { securityContext: { runAsUser: 5 } },
    enabled('secure-pod-defaults'),
  ),
  podSpec('two containers', two(port, {})),
  podSpec('two containers, no port', two({}, {})),
  podSpec('two containers, two ports', two(port, port)),
  podSpec(
    'two containers with the feature off',
    two(port, {}),
    features({ 'multi-container': 'Disabled' }),
  ),
  podSpec('two containers of one name', two({ name: 'a', ...port }, { name: 'a' })),
  podSpec('a sidecar with PORT', two(port, { env: [{ name: 'PORT', value: '1' }] })),
  podSpec('a sidecar with K_SERVICE', two(port, { env: [{ name: 'K_SERVICE', value: '1' }] })),
  podSpec(
    'a sidecar with probes',
    two(port, {
      livenessProbe: { tcpSocket: { port: 5 } },
      readinessProbe: { httpGet: { path: '/', port: 5 } },
    }),
  ),
  podSpec(
    'a sidecar with probes, enabled',
    two(port, {
      livenessProbe: { tcpSocket: {} },
      readinessProbe: { httpGet: { path: '/', port: 5 } },
      startupProbe: { grpc: { port: 5 } },
    }),
    enabled('multi-container-probing'),
  ),
  podSpec('three containers, one named', two(port, { name: 'user-container-1' }, {})),
  podSpec('init containers', { initContainers: [{ image: 'knit.local/i' }] }),
  podSpec(
    'init containers, enabled',
    { initContainers: [{ image: 'knit.local/i' }, { image: 'knit.local/j' }] },
    enabled('kubernetes.podspec-init-containers'),
  ),
  podSpec(
    'an init container with probes and lifecycle',
    {
      initContainers: [
        {
          image: 'knit.local/i',
          livenessProbe: { tcpSocket: { port: 5 } },
          lifecycle: { preStop: { exec: { command: ['x'] } } },
          ports: [{ containerPort: 8012 }, { containerPort: 1 }],
        },
      ],
    },
    enabled('kubernetes.podspec-init-containers'),
  ),
  podSpec(
    'an init container of the same name',
    {
      containers: [{ name: 'a', image: 'knit.local/x' }],
      initContainers: [{ name: 'a', image: 'knit.local/i' }],
    },
    enabled('kubernetes.podspec-init-containers'),
  ),
];

const volumeCases: readonly UpstreamCase[] = [
  podSpec('volume: a secret', withVolume({ secret: { secretName: 's' } })),
  podSpec(
    'volume: a configMap with bad items',
    withVolume({ configMap: { name: 'c', items: [{ key: '', path: '' }] } }),
  ),
  podSpec('volume: no source', withVolume({})),
  podSpec(
    'volume: two sources',
    withVolume({ secret: { secretName: 's' }, configMap: { name: 'c' } }),
  ),
  podSpec('volume: emptyDir', withVolume({ emptyDir: {} })),
  podSpec(
    'volume: emptyDir in memory, negative',
    withVolume({ emptyDir: { medium: 'Disk', sizeLimit: '-1' } }),
  ),
  podSpec(
    'volume: emptyDir off',
    withVolume({ emptyDir: {} }),
    features({ 'kubernetes.podspec-volumes-emptydir': 'disabled' }),
  ),
  podSpec('volume: a claim', withVolume({ persistentVolumeClaim: { claimName: 'c' } })),
  podSpec(
    'volume: a claim, enabled',
    withVolume({ persistentVolumeClaim: { claimName: 'c' } }),
    enabled('kubernetes.podspec-persistent-volume-claim'),
  ),
  podSpec(
    'volume: a claim to write, enabled',
    withVolume({ persistentVolumeClaim: { claimName: 'c' } }),
    enabled(
      'kubernetes.podspec-persistent-volume-claim',
      'kubernetes.podspec-persistent-volume-write',
    ),
  ),
  podSpec(
    'volume: a read-only claim mounted to write',
    withVolume({ persistentVolumeClaim: { claimName: 'c', readOnly: true } }),
    enabled('kubernetes.podspec-persistent-volume-claim'),
  ),
  podSpec('volume: hostPath', withVolume({ hostPath: { path: '/x' } })),
  podSpec(
    'volume: csi, allowed',
    withVolume({ csi: { driver: 'd' } }),
    features({ 'kubernetes.podspec-volumes-csi': 'Allowed' }),
  ),
  podSpec('volume: ephemeral', withVolume({ ephemeral: {} })),
  podSpec(
    'volume: image, enabled and bad',
    withVolume({ image: { pullPolicy: 'Often' } }),
    enabled('kubernetes.podspec-volumes-image'),
  ),
  podSpec('volume: nfs', withVolume({ nfs: { server: 's', path: '/' } })),
  podSpec('volume: not mounted', { volumes: [{ name: 'v', emptyDir: {} }] }),
  podSpec('volume: a bad name', { volumes: [{ name: 'V', emptyDir: {} }] }),
  podSpec('volume: no name', { volumes: [{ name: '', emptyDir: {} }] }),
  podSpec('volume: the same name twice', {
    ...withVolume({ emptyDir: {} }),
    volumes: [
      { name: 'v', emptyDir: {} },
      { name: 'v', emptyDir: {} },
    ],
  }),
  podSpec(
    'volume: projected, all of it wrong',
    withVolume({
      projected: {
        sources: [
          {},
          { secret: {}, configMap: { name: 'c' } },
          { serviceAccountToken: {} },
          { downwardAPI: { items: [{}] } },
          { secret: { name: 's', items: [{ key: 'k' }] } },
        ],
      },
    }),
  ),
  container('mount: no volume', { volumeMounts: [volumeMount] }),
  ...['', '/', '/dev', '/dev/log', 'v', '/v/', '/a/../dev'].map((mountPath) =>
    podSpec(`mount: at ${mountPath}`, withVolume({ emptyDir: {} }, { mountPath })),
  ),
  podSpec('mount: one path twice', {
    volumes: [{ name: 'v', emptyDir: {} }],
    containers: [
      { image: 'knit.local/x', volumeMounts: [volumeMount, { ...volumeMount, mountPath: '/v/' }] },
    ],
  }),
  podSpec(
    'mount: propagation',
    withVolume({ emptyDir: {} }, { mountPropagation: 'Bidirectional' }),
  ),
  podSpec(
    'mount: propagation, enabled',
    withVolume({ emptyDir: {} }, { mountPropagation: 'HostToContainer' }),
    enabled('kubernetes.podspec-volumes-mount-propagation'),
  ),
  podSpec('mount: subPathExpr', withVolume({ emptyDir: {} }, { subPathExpr: 'x' })),
  podSpec(
    'mount: a secret stays read only',
    withVolume({ secret: { secretName: 's' } }, { readOnly: false }),
  ),
];

const containerCases: readonly UpstreamCase[] = [
  container('no image', { image: '' }),
  ...[
    'a b',
    'x',
    'knit.local/Hello',
    'localhost:5000/a/b:v1',
    'ab',
    'reg.io/a@sha256:12',
    'ab:',
    `ab@sha256:${'a'.repeat(64)}`,
  ].map((image) => container(`image ${image}`, { image })),
  container('fields that are not allowed', {
    lifecycle: { preStop: { exec: { command: ['x'] } } },
    stdin: true,
    stdinOnce: true,
    tty: true,
    volumeDevices: [{ name: 'a', devicePath: '/b' }],
  }),
  container('the reserved name', { name: 'queue-proxy' }),
  ...['PORT', 'K_SERVICE', 'K_REVISION', 'K_CONFIGURATION', ''].map((name) =>
    container(`variable "${name}"`, { env: [{ name, value: 'x' }] }),
  ),
  container('a fieldRef', {
    env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
  }),
  container(
    'a fieldRef, enabled',
    { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] },
    enabled('kubernetes.podspec-fieldref'),
  ),
  container('envFrom with nothing', { envFrom: [{}] }),
  container('envFrom with both', {
    envFrom: [{ secretRef: { name: 's' }, configMapRef: { name: 'c' } }],
  }),
  container('envFrom', { envFrom: [{ prefix: 'P', secretRef: { name: 's' } }] }),
  ...[8012, 8013, 8022, 8008, 9090, 9091, 8112, 0, -1, 65536].map((containerPort) =>
    container(`port ${containerPort}`, { ports: [{ containerPort }] }),
  ),
  container('port by UDP', { ports: [{ containerPort: 80, protocol: 'UDP' }] }),
  container('port name', { ports: [{ name: 'https', containerPort: 80 }] }),
  container('port name h2c', { ports: [{ name: 'h2c', containerPort: 80 }] }),
  container('a host port', { ports: [{ containerPort: 80, hostPort: 80, hostIP: '1.1.1.1' }] }),
  container('two ports', { ports: [{ containerPort: 80 }, { containerPort: 81 }] }),
  container('a resource claim', { resources: { claims: [{ name: 'a' }] } }),
  container('a termination message policy', { terminationMessagePolicy: 'Never' }),
  container('a security context', {
    securityContext: {
      privileged: true,
      procMount: 'Default',
      runAsUser: -1,
      runAsGroup: 3000000000,
      capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] },
    },
  }),
  container('privileged false', { securityContext: { privileged: false } }),
  container(
    'capabilities, enabled',
    { securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
    enabled('kubernetes.containerspec-addcapabilities'),
  ),
  container(
    'NET_BIND_SERVICE with secure defaults',
    { securityContext: { capabilities: { add: ['NET_BIND_SERVICE'] } } },
    enabled('secure-pod-defaults'),
  ),
  container('secure defaults', {}, enabled('secure-pod-defaults')),
  container(
    'secure defaults on a low port',
    { ports: [{ containerPort: 80 }] },
    enabled('secure-pod-defaults'),
  ),
  container(
    'secure defaults bounded to root',
    {},
    features({ 'secure-pod-defaults': 'allowrootbounded' }),
  ),
  container(
    'secure defaults over own words',
    {
      securityContext: {
        allowPrivilegeEscalation: true,
        runAsNonRoot: false,
        seccompProfile: { type: 'Unconfined' },
        capabilities: {},
      },
    },
    enabled('secure-pod-defaults'),
  ),
  ...['readinessProbe', 'livenessProbe', 'startupProbe'].flatMap((field) => [
    container(`${field} over HTTP`, probe(field, { httpGet: { path: '/h' } })),
    container(
      `${field} with two handlers`,
      probe(field, { httpGet: { path: '/h' }, exec: { command: ['x'] } }),
    ),
    container(
      `${field} with grpc and tcp`,
      probe(field, { grpc: { port: 5 }, tcpSocket: { port: 5 } }),
    ),
    container(`${field} without a handler`, probe(field, { initialDelaySeconds: 2 })),
    container(`${field} at a named port`, {
      ...probe(field, { httpGet: { port: 'h2c' } }),
      ports: [{ name: 'h2c', containerPort: 80 }],
    }),
    container(`${field} at a port of another name`, {
      ...probe(field, { httpGet: { port: 'web' } }),
      ports: [{ name: 'h2c', containerPort: 80 }],
    }),
    container(
      `${field} with negative numbers`,
      probe(field, {
        exec: { command: ['x'] },
        periodSeconds: -1,
        initialDelaySeconds: -1,
        successThreshold: -1,
        failureThreshold: -1,
        timeoutSeconds: -1,
      }),
    ),
    container(
      `${field} aggressive with numbers`,
      probe(field, { exec: { command: ['x'] }, failureThreshold: 2, timeoutSeconds: 2 }),
    ),
    container(
      `${field} with a period`,
      probe(field, { exec: { command: ['x'] }, periodSeconds: 3 }),
    ),
    container(
      `${field} with successThreshold 2`,
      probe(field, { exec: { command: ['x'] }, successThreshold: 2 }),
    ),
  ]),
];

const defaultsCases: readonly UpstreamCase[] = [
  container(
    'named by a template',
    { name: '' },
    {
      configs: { 'config-defaults': { 'container-name-template': '{{.Name}}-of-{{.Namespace}}' } },
    },
  ),
  podSpec(
    'named by templates',
    { ...two(port, {}), initContainers: [{ image: 'knit.local/i' }] },
    {
      configs: {
        'config-defaults': {
          'container-name-template': '{{.Name}}',
          'init-container-name-template': 'i-{{ index .Labels "a" }}',
        },
        'config-features': { 'kubernetes.podspec-init-containers': 'enabled' },
      },
    },
  ),
  container(
    'resources by default',
    { resources: { requests: { cpu: '2' } } },
    {
      configs: {
        'config-defaults': {
          'revision-cpu-request': '400m',
          'revision-memory-limit': '512Mi',
          'revision-ephemeral-storage-request': '1G',
        },
      },
    },
  ),
  podSpec(
    'timeouts by default',
    {},
    {
      configs: {
        'config-defaults': {
          'revision-timeout-seconds': '100',
          'revision-response-start-timeout-seconds': '50',
          'revision-idle-timeout-seconds': '20',
        },
      },
    },
  ),
  podSpec(
    'service links by default',
    {},
    { configs: { 'config-defaults': { 'enable-service-links': 'true' } } },
  ),
  podSpec(
    'service links left alone',
    {},
    { configs: { 'config-defaults': { 'enable-service-links': 'default' } } },
  ),
  podSpec(
    'concurrency by default',
    {},
    { configs: { 'config-defaults': { 'container-concurrency': '7' } } },
  ),
];

const annotationCases: readonly UpstreamCase[] = [
  ...[
    'min-scale',
    'minScale',
    'max-scale',
    'maxScale',
    'activation-scale',
    'initial-scale',
    'initialScale',
  ].flatMap((key) =>
    ['0', '1', '-1', '1.5', 'x', '2147483648', '5'].map((value) => scaling(key, value)),
  ),
  ...[
    'target',
    'target-utilization-percentage',
    'target-burst-capacity',
    'targetBurstCapacity',
    'panic-window-percentage',
    'panic-threshold-percentage',
  ].flatMap((key) =>
    ['0', '0.001', '-1', '-2', '50.5', '100', '101', '150', '1001', 'x'].map((value) =>
      scaling(key, value),
    ),
  ),
  ...['window', 'scale-down-delay', 'scaleDownDelay', 'scale-to-zero-pod-retention-period'].flatMap(
    (key) =>
      ['0s', '5s', '6s', '1h', '61m', '1500ms', '6500ms', '-1s', '365d', 'x'].map((value) =>
        scaling(key, value),
      ),
  ),
  ...[
    'kpa.autoscaling.knative.dev',
    'hpa.autoscaling.knative.dev',
    'x.knative.dev',
    'keda.example.com',
  ].map((value) => scaling('class', value)),
  ...['concurrency', 'rps', 'cpu', 'memory', ''].map((value) => scaling('metric', value)),
  ...['linear', 'weighted-exponential', 'cubic'].map((value) =>
    scaling('metric-aggregation-algorithm', value),
  ),
  scaling('metric', 'cpu', { 'pod-autoscaler-class': 'hpa.autoscaling.knative.dev' }),
  scaling('initial-scale', '0', { 'allow-zero-initial-scale': 'true' }),
  scaling('max-scale', '0', { 'max-scale-limit': '5', 'max-scale': '2' }),
  scaling('max-scale', '6', { 'max-scale-limit': '5', 'max-scale': '2' }),
  ...[
    { 'min-scale': '5', 'max-scale': '2' },
    { minScale: '5', maxScale: '2' },
    { 'min-scale': '5', 'activation-scale': '3' },
    { 'max-scale': '2', 'activation-scale': '3' },
    { class: 'kpa.autoscaling.knative.dev', 'metric-aggregation-algorithm': 'cubic' },
    { class: 'hpa.autoscaling.knative.dev', metric: '' },
    { class: 'hpa.autoscaling.knative.dev', metric: 'memory' },
    { class: 'keda.example.com', metric: 'queue' },
  ].map((pairs) =>
    service(`annotations: ${JSON.stringify(pairs)}`, {
      'spec.template.metadata.annotations': Object.fromEntries(
        Object.entries(pairs).map(([key, value]) => [`autoscaling.knative.dev/${key}`, value]),
      ),
    }),
  ),
];

const mappingCases: readonly UpstreamCase[] = [
  mapping('passes what is right', {}),
  mapping('a name without a dot', { metadata: { name: 'hello' } }),
  mapping('a name with a space', { metadata: { name: 'hel lo.example.com' } }),
  mapping('a name in the cluster', { metadata: { name: 'hello.ns.svc.cluster.local' } }),
  mapping('generateName', { metadata: { name: '', generateName: 'x' } }),
  mapping('no reference', { spec: { ref: undefined } }),
  mapping('half a reference', { 'spec.ref': { apiVersion: '', kind: '' } }),
  mapping('a reference elsewhere', { 'spec.ref': { namespace: 'other' } }),
  mapping('a group', { 'spec.ref': { group: 'serving.knative.dev' } }),
];

const configMapCases: readonly UpstreamCase[] = [
  ...[
    {},
    { 'revision-timeout-seconds': 'x' },
    { 'revision-timeout-seconds': '700' },
    { 'max-revision-timeout-seconds': '200' },
    { 'revision-response-start-timeout-seconds': '301' },
    { 'revision-idle-timeout-seconds': '301' },
    { 'container-concurrency': '-1' },
    { 'container-concurrency': '1001' },
    { 'container-concurrency-max-limit': '0' },
    { 'revision-cpu-request': 'much' },
    { 'allow-container-concurrency-zero': 'perhaps' },
    { 'allow-container-concurrency-zero': 'F' },
  ].map((data) => configMap('config-defaults', data as Record<string, string>)),
  ...[
    {},
    { 'stable-window': '5s' },
    { 'stable-window': '2h' },
    { 'stable-window': '6500ms' },
    { 'stable-window': 'x' },
    { 'stable-window': '7' },
    { 'max-scale-up-rate': '1' },
    { 'max-scale-down-rate': '0.5' },
    { 'max-scale-down-rate': 'fast' },
    { 'container-concurrency-target-percentage': '0' },
    { 'container-concurrency-target-percentage': '150' },
    { 'container-concurrency-target-percentage': '0.5' },
    { 'container-concurrency-target-default': '0.01' },
    { 'requests-per-second-target-default': '0.001' },
    { 'target-burst-capacity': '-2' },
    { 'target-burst-capacity': '-1' },
    { 'panic-window-percentage': '0.5' },
    { 'activator-capacity': '0.95' },
    { 'enable-scale-to-zero': 'maybe' },
    { 'scale-to-zero-grace-period': '0s' },
    { 'scale-to-zero-pod-retention-period': '-1s' },
    { 'scale-down-delay': '-1s' },
    { 'scale-down-delay': '1500ms' },
    { 'initial-scale': '0' },
    { 'initial-scale': '-1' },
    { 'initial-scale': '0', 'allow-zero-initial-scale': 'true' },
    { 'min-scale': '-1' },
    { 'min-scale': '2', 'max-scale': '1' },
    { 'max-scale': '-1' },
    { 'max-scale-limit': '-1' },
    { 'max-scale-limit': '5' },
    { 'max-scale-limit': '5', 'max-scale': '6' },
    { 'max-scale': '1.5' },
    { 'max-scale': '3000000000' },
  ].map((data) => configMap('config-autoscaler', data as Record<string, string>)),
  ...[
    {},
    { 'min-non-active-revisions': '-1' },
    { 'min-non-active-revisions': 'x' },
    { 'min-non-active-revisions': '30', 'max-non-active-revisions': '20' },
    { 'max-non-active-revisions': 'Disabled' },
    { 'max-non-active-revisions': '-2' },
    { 'retain-since-create-time': 'disabled' },
    { 'retain-since-create-time': '-1h' },
    { 'retain-since-create-time': 'soon' },
    { 'retain-since-last-active-time': '2' },
    { 'retain-since-last-active-time': '3x' },
  ].map((data) => configMap('config-gc', data as Record<string, string>)),
  ...[
    {},
    { 'progress-deadline': '0s' },
    { 'progress-deadline': '1500ms' },
    { 'progress-deadline': '2m' },
    { progressDeadline: '-2m' },
    { 'digest-resolution-timeout': '-1s' },
    { 'digest-resolution-timeout': 'x' },
    { 'default-affinity-type': 'spread' },
    { 'pod-is-always-schedulable': 'yes' },
    { 'queue-sidecar-cpu-request': 'much' },
    { 'runtime-class-name': 'Gvisor: {}' },
    { 'runtime-class-name': 'gvisor:\n  selector:\n    a: b\n' },
  ].map((data) =>
    configMap('config-deployment', {
      'queue-sidecar-image': 'knit.local/queue',
      ...(data as Record<string, string>),
    }),
  ),
  ...[
    {},
    { 'rollout-duration': '-1' },
    { 'rollout-duration': '30s' },
    { rolloutDuration: 'x' },
    { 'domain-template': '{{.Name}}/{{.Namespace}}' },
    { 'domain-template': '{{.Name}}-{{.Labels.team}}.{{.Domain}}' },
    { 'domain-template': '' },
    { 'http-protocol': 'Redirected' },
    { 'http-protocol': 'Sometimes' },
    { 'system-internal-tls': 'perhaps' },
    { 'cluster-local-domain-tls': 'perhaps' },
    { 'autocreate-cluster-domain-claims': 'perhaps' },
  ].map((data) => configMap('config-network', data as Record<string, string>)),
  ...[
    {},
    { 'example.com': '' },
    { 'example.com': 'selector:\n  app: shop\n' },
    { 'example.com': 'selector:\n  app: shop\ntype: wildcard\n' },
  ].map((data) => configMap('config-domain', data as Record<string, string>)),
];

export const upstreamCases: readonly UpstreamCase[] = [
  ...metadataCases,
  ...updateCases,
  ...trafficCases,
  ...podCases,
  ...volumeCases,
  ...containerCases,
  ...defaultsCases,
  ...annotationCases,
  ...mappingCases,
  ...configMapCases,
];
