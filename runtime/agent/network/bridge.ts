/**
 * The pods' bridge: made when it is missing, given its address, and where the machine has a packet
 * filter, a way out for the pods (masquerading). Nothing else of the machine's network is changed.
 */
import { writeFileSync } from 'node:fs';

import type { Logger } from '../../std/logger.ts';
import { runChecked, runCommand } from '../run-command.ts';
import type { AddressPlan } from './address-plan.ts';

/** Interface names have at most 15 characters, and each pod's veth adds `v` and up to 5 digits. */
const BRIDGE_NAME_LENGTH_MAX = 9;

/** @throws when the bridge cannot be made, e.g. without root. */
export async function makeBridge(name: string, plan: AddressPlan): Promise<void> {
  if (!/^[a-z][a-z0-9]*$/.test(name) || name.length > BRIDGE_NAME_LENGTH_MAX)
    throw new Error(
      `bridge name ${name}: must be 1 to ${BRIDGE_NAME_LENGTH_MAX} letters and digits`,
    );
  const exists = (await runCommand(['ip', 'link', 'show', 'dev', name])).exitCode === 0;
  if (!exists) await runChecked(['ip', 'link', 'add', 'name', name, 'type', 'bridge']);
  await runChecked(['ip', 'link', 'set', 'dev', name, 'address', plan.gatewayMac]);
  const address = `${plan.gateway}/${plan.prefixLength}`;
  await runChecked(['ip', 'addr', 'replace', address, 'dev', name]);
  await runChecked(['ip', 'link', 'set', 'dev', name, 'up']);
}

export async function removeBridge(name: string): Promise<void> {
  await runCommand(['ip', 'link', 'del', 'dev', name]);
}

/** Lets pods reach what the machine reaches. One log line where that is impossible. */
export async function allowOutbound(
  bridge: string,
  plan: AddressPlan,
  logger: Logger,
): Promise<void> {
  for (const command of natCommands(bridge, plan)) {
    try {
      if ((await runCommand(command.check)).exitCode !== 0) await runChecked(command.add);
    } catch (error) {
      logger.info('pods have no way out of this machine: install nftables or iptables for one', {
        error: error instanceof Error ? error.message : String(error),
      });
      return;
    }
  }
  try {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  } catch (error) {
    logger.info('pods have no way out of this machine: forwarding cannot be enabled', { error });
  }
}

export async function forbidOutbound(bridge: string, plan: AddressPlan): Promise<void> {
  for (const { remove } of natCommands(bridge, plan))
    try {
      await runCommand(remove);
    } catch {
      return; // No packet filter, so no rule either.
    }
}

function natCommands(
  bridge: string,
  plan: AddressPlan,
): { check: string[]; add: string[]; remove: string[] }[] {
  const rule = (chain: string, table: string, match: readonly string[]) => {
    const command = (verb: string): string[] => [
      'iptables',
      '-w',
      '-t',
      table,
      verb,
      chain,
      ...match,
    ];
    return { check: command('-C'), add: command('-I'), remove: command('-D') };
  };
  return [
    rule('POSTROUTING', 'nat', ['-s', plan.network, '!', '-o', bridge, '-j', 'MASQUERADE']),
    rule('FORWARD', 'filter', ['-i', bridge, '-j', 'ACCEPT']),
    rule('FORWARD', 'filter', ['-o', bridge, '-j', 'ACCEPT']),
  ];
}
