/**
 * `npm run quickstart`: from a clean machine to a deployed shop that serves, scales to zero and
 * receives events. Every step is checked; the exit code is 0 only if each did what it should.
 */
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { join } from 'node:path';
import { installNpmPackages, installSystemPackages, requireNode, root } from './machine.mjs';

const knitBin = join(root, 'bin/knit.js');
const slsBin = join(root, 'node_modules/osls/bin/serverless.js');
const config = 'serverless.example.yml';
const namespace = 'shop-dev';
const startedMs = Date.now();

/** Longer than any step should take on a slow machine; then the step has failed. */
const WAIT_MS_MAX = 90_000;

let stepNumber = 0;
const say = (text = '') => console.log(text);
const step = (title) => say(`\n[${++stepNumber}] ${title}`);
const ok = (text) => say(`    ok  ${text}`);
const fail = (text) => {
  say(`    FAILED  ${text}`);
  say(
    `\nquickstart stopped at step ${stepNumber}. Logs: ${node([knitBin, 'status']).stdout.match(/home\s+(\S+)/)?.[1] ?? '~/.knit'}/logs`,
  );
  process.exit(1);
};
const seconds = (fromMs) => `${((Date.now() - fromMs) / 1000).toFixed(1)} s`;

step('Install what is missing');
requireNode();
installNpmPackages();
ok('npm packages');
const system = installSystemPackages({ log: (text) => say(`    ${text}`) });
if (system.ok) ok('buildah, crun and iproute2');
else
  say(
    `    no containers: ${system.reason}\n    going on with the process driver: functions run as plain processes, which nothing isolates`,
  );

step('Build');
mustNode([join(root, 'scripts/build.mjs')]);
ok('dist/');

step('Start the runtime: knit up');
const upMs = Date.now();
let up = node([knitBin, 'up']);
if (up.status !== 0 && /--gateway-port 0/.test(up.stderr)) {
  say(`    ${up.stderr.trim()}\n    taking another port`);
  up = node([knitBin, 'up', '--gateway-port', '0']);
}
if (up.status !== 0) fail(up.stderr.trim());
say(indent(up.stderr));
const status = JSON.parse(node([knitBin, 'status', '--json']).stdout);
if (!status.running) fail('knit status says that nothing runs');
ok(`up in ${seconds(upMs)}, driver ${status.driver}`);
const gateway = new URL(status.gateway);
/** The Dockerfile function needs containers; without them it is left out, and that is said. */
const hasContainers = status.driver === 'oci';

step(`Deploy: sls deploy --config ${config}`);
const deployMs = Date.now();
const deployEnv = hasContainers ? {} : { SHOP_WITHOUT_CONTAINERS: '1' };
const deployed = sls(['deploy'], deployEnv);
if (deployed.status !== 0)
  fail(`sls deploy exited ${deployed.status}\n${indent(deployed.stdout + deployed.stderr)}`);
say(indent(deployed.stderr));
ok(`deployed in ${seconds(deployMs)}`);
const againMs = Date.now();
const again = sls(['deploy'], deployEnv);
if (again.status !== 0)
  fail(`the second sls deploy exited ${again.status}\n${indent(again.stdout + again.stderr)}`);
ok(`deployed again without a change in ${seconds(againMs)}`);

step('Call the functions over HTTP, by host name, through the gateway');
const api = `${namespace}.localhost`;
await expectHttp(
  { host: api, path: '/products/espresso' },
  (body) => JSON.parse(body).id === 'espresso',
);
await expectHttp(
  { host: api, path: '/products/espresso/reviews', method: 'POST', body: '{"stars":5}' },
  (body) => JSON.parse(body).product === 'espresso',
);
const functions = [
  'catalog',
  'restock',
  'billing',
  'mailer',
  'audit',
  ...(hasContainers ? ['recommender'] : []),
];
for (const name of functions)
  await expectHttp({ host: `${name}.${api}`, path: '/' }, (_body, code) => code < 500);

step('Call each with sls invoke');
for (const name of functions) {
  const result = sls(['invoke', '-f', name, '-d', JSON.stringify({ ping: name })], deployEnv);
  if (result.status !== 0)
    fail(`sls invoke -f ${name} exited ${result.status}\n${indent(result.stdout + result.stderr)}`);
  ok(`sls invoke -f ${name}  ->  ${result.stdout.trim().replace(/\s+/g, ' ').slice(0, 90)}`);
}

/** What the functions printed so far, by line; what an instance said goes with it, so lines are kept. */
const seenLines = new Set();
step('Send CloudEvents and see who receives them');
const large = sendEvent({ order: 'A-1', total: 120 }, 'total=120');
const small = sendEvent({ order: 'A-2', total: 20 }, 'total=20');
await expectLog(
  'billing',
  large,
  'the order of 120 reaches billing (filter: type and total > 100)',
);
await expectLog('mailer', 'A-1', "billing's reply, an invoice, reaches mailer");
await expectLog('audit', small, 'the order of 20 reaches audit (filter: total <= 100)');
await expectNotInLog('billing', small, 'the order of 20 does not reach billing');
await expectNotInLog('audit', large, 'the order of 120 does not reach audit');
await expectNotInLog('mailer', 'A-2', 'no invoice for the order of 20 reaches mailer');

step('Wait for the schedule');
await expectLog('restock', 'Scheduled Event', 'restock was called by its schedule');

step('Wait for zero, and call again');
await expectHttp({ host: api, path: '/products/mocha' }, (body) => JSON.parse(body).id === 'mocha');
if ((await podsOf('catalog')) === 0) fail('catalog has no replica right after a call');
const zeroMs = Date.now();
if (!(await until(async () => (await podsOf('catalog')) === 0)))
  fail('catalog did not reach zero replicas');
ok(`catalog is at zero replicas after ${seconds(zeroMs)}`);
const coldMs = Date.now();
await expectHttp(
  { host: api, path: '/products/espresso' },
  (body) => JSON.parse(body).id === 'espresso',
);
ok(`answered from zero in ${Date.now() - coldMs} ms`);

const port = gateway.port;
say(`
Everything works (${seconds(startedMs)}).

  HTTP API     http://${api}:${port}/products/espresso
  functions    http://catalog.${api}:${port}/   (any of ${functions.join(', ')})
  events       ${status.broker}/${namespace}/default
  Kubernetes   export KUBECONFIG=${status.kubeconfig}

Try next:
  curl http://${api}:${port}/products/mocha
  npx osls info --config ${config}
  npx osls invoke -f catalog -d '{"pathParameters":{"id":"mocha"}}' --config ${config}
  npx osls logs -f billing --config ${config}
  node bin/knit.js events send com.example.order.created -n ${namespace} -d '{"order":"A-3","total":150}' --ext total=150
  node bin/knit.js status

Stop:
  node bin/knit.js down            (add --purge to remove everything that it keeps)
`);

function node(args, env = {}) {
  return spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 64 * 1024 * 1024,
  });
}

function mustNode(args) {
  const result = node(args);
  if (result.status !== 0) fail(indent(`${result.stdout}${result.stderr}`));
}

function sls(args, env = {}) {
  return node([slsBin, ...args, '--config', config], env);
}

function indent(text) {
  return text
    .trim()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}

/** One request through the gateway; the name needs no DNS, since it travels in the Host header. */
function call({ host, path, method = 'GET', body }) {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: gateway.hostname,
        port: gateway.port,
        method,
        path,
        headers: {
          host: `${host}:${gateway.port}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        timeout: WAIT_MS_MAX,
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => (text += chunk));
        response.on('end', () => resolve({ code: response.statusCode, text }));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

async function expectHttp(target, isRight) {
  const shown = `${target.method ?? 'GET'} http://${target.host}:${gateway.port}${target.path}`;
  let code;
  let text;
  try {
    ({ code, text } = await call(target));
  } catch (error) {
    fail(`${shown}: ${error.message}`);
  }
  let right = false;
  try {
    right = isRight(text, code);
  } catch {
    // Not what was expected: said below.
  }
  if (!right || code === 404) fail(`${shown}: ${code} ${text.slice(0, 300)}`);
  ok(`${shown}  ->  ${code} ${text.trim().replace(/\s+/g, ' ').slice(0, 70)}`);
}

function sendEvent(data, extension) {
  const args = [
    'events',
    'send',
    'com.example.order.created',
    '-n',
    namespace,
    '-d',
    JSON.stringify(data),
    '--ext',
    extension,
  ];
  const result = node([knitBin, ...args]);
  if (result.status !== 0) fail(`knit ${args.join(' ')}: ${result.stderr.trim()}`);
  ok(
    `knit events send com.example.order.created -d '${JSON.stringify(data)}' --ext ${extension}  ->  ${result.stdout.trim()}`,
  );
  return result.stdout.trim();
}

function hasLine(name, text) {
  for (const line of sls(['logs', '--startTime', '10m']).stdout.split('\n')) seenLines.add(line);
  return linesOf(name).some((line) => line.includes(text));
}

function linesOf(name) {
  return [...seenLines].filter((line) => line.startsWith(`[${name}] `));
}

async function expectLog(name, text, what) {
  if (await until(async () => hasLine(name, text))) ok(what);
  else fail(`${what}: no "${text}" in the log of ${name}:\n${indent(linesOf(name).join('\n'))}`);
}

/** Called after the events that must arrive have: what should not be there would be there by now. */
async function expectNotInLog(name, text, what) {
  if (hasLine(name, text)) fail(`${what}, but its log has "${text}"`);
  ok(what);
}

async function podsOf(name) {
  const { makeHttpTransport } = await import('../dist/runtime/kube/http-transport.js');
  const { KubeClient } = await import('../dist/runtime/kube/client.js');
  const { podKind } = await import('../dist/runtime/apis/core/types.js');
  const socketPath = join(status.home, 'run/api.sock');
  const transport = makeHttpTransport({ server: 'http://knit-api', socketPath });
  const pods = await new KubeClient(transport).list(podKind, {
    namespace,
    labelSelector: `serving.knative.dev/service=${name}`,
  });
  await transport.close();
  return pods.items.length;
}

async function until(isDone) {
  for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end;) {
    if (await isDone()) return true;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  return false;
}
