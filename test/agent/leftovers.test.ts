/** What an agent that was killed leaves behind, and who takes it away: `knit down`, or the next agent. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { makeAgentPaths } from '../../runtime/agent/agent-paths.ts';
import { cleanupAgent } from '../../runtime/agent/cleanup-agent.ts';
import { makeBridge, removeBridge } from '../../runtime/agent/network/bridge.ts';
import { parseAddressPlan } from '../../runtime/agent/network/address-plan.ts';
import { listNamespaces, removeNamespaces } from '../../runtime/agent/network/netns-pool.ts';
import {
  listCgroups,
  makeCgroupParents,
  parseCgroupLayout,
  planCgroup,
  readCgroupPids,
  applyCgroup,
} from '../../runtime/agent/oci/cgroups.ts';
import { endStrays } from '../../runtime/agent/oci/stray-groups.ts';
import { isAlive, readStartTicks } from '../../runtime/agent/process-identity.ts';
import { systemClock } from '../../runtime/std/clock.ts';
import { silentLogger } from '../../runtime/std/logger.ts';
import { buildTestImage, removeTestImage } from './test-image.ts';
import { eventually } from './test-machine.ts';

const BRIDGE = { name: 'knitk', cidr: '10.91.9.0/24' };
const child = fileURLToPath(
  new URL(`./agent-until-killed${extname(import.meta.url)}`, import.meta.url),
);
const loader = extname(import.meta.url) === '.ts' ? ['--import=tsx'] : [];

describe('what a killed agent leaves behind', function () {
  this.timeout(60_000);
  let images: string;
  let home: string;
  const agents: ChildProcess[] = [];

  before(() => (images = buildTestImage()));
  after(() => {
    if (images) removeTestImage(images);
  });
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'knit-killed-'))));
  afterEach(async () => {
    // Of a test that failed before it did so itself.
    for (const agent of agents.splice(0)) agent.kill('SIGKILL');
    await cleanup();
    rmSync(home, { recursive: true, force: true });
  });

  const cleanup = (): Promise<void> =>
    cleanupAgent({ home, bridge: BRIDGE, clock: systemClock, logger: silentLogger });
  const layout = () => parseCgroupLayout(readFileSync('/proc/self/mountinfo', 'utf8'));
  const groups = (): string[] => listCgroups(layout(), makeAgentPaths(home).cgroupParent);

  /** An agent that serves one pod, in a process of its own; and the pod's address. */
  const startChild = async (): Promise<{ agent: ChildProcess; address: string }> => {
    const args = [...loader, child, home, images, BRIDGE.name, BRIDGE.cidr];
    const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    agents.push(agent);
    const [chunk] = (await once(agent.stdout, 'data')) as [Buffer];
    return { agent, address: chunk.toString().trim() };
  };
  const kill = async ({ agent }: { agent: ChildProcess }): Promise<void> => {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
  };
  const pidOf = async (address: string): Promise<number> => {
    // A connection of its own: one kept from the test before leads to a namespace that is gone.
    const call = get({ host: address, port: 8080, agent: false });
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
    const [uid = ''] = readdirSync(join(home, 'pods'));
    return Number(readFileSync(join(home, 'pods', uid, 'user/0/pid'), 'utf8'));
  };
  const assertNothingLeft = (): void => {
    assert.deepEqual(groups(), []);
    assert.deepEqual(listNamespaces(BRIDGE.name), []);
    const links = execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' });
    assert.ok(!links.includes(BRIDGE.name), links);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    assert.ok(!mounts.includes(home));
    const { cgroupParent } = makeAgentPaths(home);
    for (const root of readdirSync('/sys/fs/cgroup'))
      assert.ok(!listOrEmpty(join('/sys/fs/cgroup', root)).includes(cgroupParent), root);
  };

  it('is a container that serves on, until `knit down` takes everything away', async () => {
    const started = await startChild();
    const prepared = (): string[] =>
      listOrEmpty(join(home, 'run/launchers')).filter((name) => !name.endsWith('.log'));
    const processes = (): number[] =>
      groups()
        .filter((path) => prepared().includes(basename(path)))
        .flatMap(readCgroupPids);
    await eventually('a launcher for the next start', () =>
      Promise.resolve(processes().length > 0),
    );
    await kill(started);
    await eventually('its end', () => Promise.resolve(processes().length === 0));
    const pid = await pidOf(started.address);
    await cleanup();
    assert.throws(() => process.kill(pid, 0), /ESRCH/);
    assertNothingLeft();
  });

  it('is taken away even when its state was lost with the home directory', async () => {
    const started = await startChild();
    await kill(started);
    const pid = await pidOf(started.address);
    rmSync(home, { recursive: true, force: true });
    const startTicks = readStartTicks(pid);
    await cleanup();
    // Its parent is killed as well: whether it has been reaped is up to the machine's first process.
    assert.equal(isAlive(pid, startTicks), false);
    assertNothingLeft();
  });

  it('is taken over by the next agent, and a container that nobody knows is ended', async () => {
    const first = await startChild();
    await kill(first);
    const pid = await pidOf(first.address);
    // As if the agent had been killed between starting a container and recording it.
    const { cgroupParent: parent } = makeAgentPaths(home);
    const plan = planCgroup(layout(), { parent, name: 'unknown.user.0', limits: { pids: 10 } });
    applyCgroup(plan);
    const join = plan.procs.map((path) => `echo $$ > ${path}`).join('; ');
    const stray = spawn('sh', ['-c', `${join}; echo in; exec sleep 60`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const strayEnd = once(stray, 'exit');
    await once(stray.stdout, 'data');

    const second = await startChild();
    assert.deepEqual((await strayEnd)[1], 'SIGKILL');
    assert.equal(second.address, first.address);
    assert.equal(await pidOf(second.address), pid);
    await eventually('the stray group to go', () =>
      Promise.resolve(!groups().some((group) => group.endsWith('unknown.user.0'))),
    );
    await kill(second);
  });

  it('may be a link without its namespace, which is found by its name', async () => {
    await makeBridge(BRIDGE.name, parseAddressPlan(BRIDGE.cidr));
    const name = `${BRIDGE.name}v77`;
    execFileSync('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${BRIDGE.name}p`]);
    assert.deepEqual(listNamespaces(BRIDGE.name), [77]);
    await removeNamespaces(BRIDGE.name, [77]);
    await removeBridge(BRIDGE.name);
    assert.deepEqual(listNamespaces(BRIDGE.name), []);
  });

  it('may be what the runtime remembers of a container that is no more', async () => {
    const paths = makeAgentPaths(home);
    mkdirSync(join(paths.runtimeState, 'gone.user.0'), { recursive: true });
    mkdirSync(join(paths.runtimeState, 'kept.user.0'), { recursive: true });
    makeCgroupParents(layout(), paths.cgroupParent);
    const kept = { id: 'kept.user.0', name: 'user', attempt: 0, imageID: '', pid: 0 };
    const known = [{ ...kept, startTicks: '', startedAtMs: 0 }];
    await endStrays({ layout: layout(), paths, known, clock: systemClock });
    assert.deepEqual(readdirSync(paths.runtimeState), ['kept.user.0']);
  });
});

function listOrEmpty(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
