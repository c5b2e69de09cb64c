/**
 * Network namespaces made before they are needed: each has its end of a veth pair on the bridge, an
 * address and a route. Making one takes three processes and tens of milliseconds, so a cold start
 * takes one from the pool and the pool is refilled afterwards. Namespaces are used again, oldest first.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

import type { Logger } from '../../std/logger.ts';
import type { Sandbox } from '../driver.ts';
import { StartError } from '../driver.ts';
import { runChecked, runCommand } from '../run-command.ts';
import type { AddressPlan } from './address-plan.ts';

/** Ready namespaces kept at all times: a burst of this many cold starts does not wait. */
const READY_TARGET = 8;
/** Above this, released namespaces are removed. */
const READY_MAX = 32;
/** Made in one go when a burst empties the pool. */
const BATCH_MAX = 16;

const NETNS_ROOT = '/run/netns';
export const netnsPath = (name: string): string => `${NETNS_ROOT}/${name}`;

export interface NetnsPoolOptions {
  readonly bridge: string;
  readonly plan: AddressPlan;
  readonly logger: Logger;
}

export class NetnsPool {
  private readonly options: NetnsPoolOptions;
  private readonly ready: number[] = [];
  private readonly used = new Set<number>();
  private readonly waiters: {
    resolve: (sandbox: Sandbox) => void;
    reject: (error: Error) => void;
  }[] = [];
  private nextSlot = 2;
  private filling: Promise<void> | undefined;
  private isClosed = false;

  constructor(options: NetnsPoolOptions) {
    this.options = options;
  }

  /** Removes what an earlier run left and nobody adopted, then fills the pool. Call once, after adoption. */
  async start(): Promise<void> {
    const stale = listNamespaces(this.options.bridge).filter((slot) => !this.used.has(slot));
    await this.remove(stale);
    await this.fill();
  }

  acquire(): Sandbox | Promise<Sandbox> {
    const slot = this.ready.shift();
    if (slot === undefined)
      return new Promise((resolve, reject) => {
        this.waiters.push({ resolve, reject });
        void this.fill();
      });
    this.used.add(slot);
    // Not now: the caller is about to start a container.
    setImmediate(() => void this.fill());
    return this.sandbox(slot);
  }

  adopt({ netns }: Sandbox): boolean {
    const slot = slotOf(netns ?? '', this.options.bridge);
    if (slot === undefined || !existsSync(netnsPath(netns ?? ''))) return false;
    this.used.add(slot);
    return true;
  }

  release({ netns }: Sandbox): void {
    const slot = slotOf(netns ?? '', this.options.bridge);
    if (slot === undefined || !this.used.delete(slot)) return;
    if (this.isClosed) return;
    if (this.ready.length < READY_MAX) this.ready.push(slot);
    else void this.remove([slot]);
    this.serveWaiters();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const { reject } of this.waiters.splice(0)) reject(new Error('the agent is stopping'));
    await this.filling;
    await this.remove(this.ready.splice(0));
  }

  private sandbox(slot: number): Sandbox {
    const { bridge, plan } = this.options;
    return { podIP: plan.addressOf(slot), netns: `${bridge}-${slot}` };
  }

  private fill(): Promise<void> {
    this.filling ??= this.fillOnce().finally(() => {
      this.filling = undefined;
    });
    return this.filling;
  }

  private async fillOnce(): Promise<void> {
    for (;;) {
      const missing = READY_TARGET + this.waiters.length - this.ready.length;
      if (missing <= 0 || this.isClosed) return;
      const slots = this.takeSlots(Math.min(missing, BATCH_MAX));
      try {
        await this.make(slots);
      } catch (error) {
        this.options.logger.error('failed to make network namespaces', { error });
        for (const { reject } of this.waiters.splice(0))
          reject(
            new StartError('CreatePodSandboxError', 'failed to make a network namespace', {
              cause: error,
            }),
          );
        return;
      }
      this.ready.push(...slots);
      this.serveWaiters();
    }
  }

  private serveWaiters(): void {
    while (this.waiters.length > 0 && this.ready.length > 0) {
      const slot = this.ready.shift() ?? 0;
      this.used.add(slot);
      this.waiters.shift()?.resolve(this.sandbox(slot));
    }
  }

  /** Round the address range, so that an address is not used again soon after its pod has gone. */
  private takeSlots(count: number): number[] {
    const { plan } = this.options;
    const taken: number[] = [];
    const busy = new Set([...this.used, ...this.ready]);
    for (let tried = 2; tried <= plan.slotMax && taken.length < count; tried++) {
      const slot = this.nextSlot;
      this.nextSlot = slot >= plan.slotMax ? 2 : slot + 1;
      if (!busy.has(slot)) taken.push(slot);
    }
    if (taken.length === 0) throw new Error(`the network ${plan.network} has no free address`);
    return taken;
  }

  private async make(slots: readonly number[]): Promise<void> {
    const { bridge, plan } = this.options;
    // Leftovers of a crash in the middle of making one.
    await this.remove(slots.filter((slot) => existsSync(netnsPath(`${bridge}-${slot}`))));
    const outside = slots.flatMap((slot) => [
      `netns add ${bridge}-${slot}`,
      `link add ${bridge}v${slot} type veth peer name eth0 address ${plan.macOf(slot)} netns ${bridge}-${slot}`,
      `link set ${bridge}v${slot} master ${bridge} up`,
    ]);
    await runChecked(['ip', '-batch', '-'], { input: `${outside.join('\n')}\n` });
    await Promise.all(
      slots.map((slot) => {
        const inside = [
          'link set lo up',
          `addr add ${plan.addressOf(slot)}/${plan.prefixLength} dev eth0`,
          'link set eth0 up',
          `route add default via ${plan.gateway}`,
        ];
        const command = ['ip', '-netns', `${bridge}-${slot}`, '-batch', '-'];
        return runChecked(command, { input: `${inside.join('\n')}\n` });
      }),
    );
  }

  private async remove(slots: readonly number[]): Promise<void> {
    await removeNamespaces(this.options.bridge, slots);
  }
}

/** Slots of this bridge of which there is a namespace, or a link that lost its namespace. */
export function listNamespaces(bridge: string): number[] {
  const slots = new Set(listNames().map((name) => slotOf(name, bridge)));
  // Of this very network namespace, which /sys would not show.
  const links = readFileSync('/proc/self/net/dev', 'utf8');
  for (const [, name = '', slot] of links.matchAll(/^\s*(\S+)v(\d+):/gm))
    if (name === bridge) slots.add(Number(slot));
  return [...slots].filter((slot) => slot !== undefined);
}

function listNames(): string[] {
  try {
    return readdirSync(NETNS_ROOT);
  } catch {
    return []; // Made by the first namespace of the machine.
  }
}

/** Removes namespaces with their veth pairs; what is gone already is fine. */
export async function removeNamespaces(bridge: string, slots: readonly number[]): Promise<void> {
  if (slots.length === 0) return;
  const lines = slots.flatMap((slot) => [
    // The pair first: a namespace may live on for a while in a process that is still dying.
    `link del ${bridge}v${slot}`,
    `netns del ${bridge}-${slot}`,
  ]);
  await runCommand(['ip', '-force', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}

function slotOf(name: string, bridge: string): number | undefined {
  const match = /^(.+)-(\d+)$/.exec(name);
  return match?.[1] === bridge ? Number(match[2]) : undefined;
}
