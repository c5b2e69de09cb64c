/** What a Node tells of its machine, read from where Linux keeps it. Missing files leave fields empty. */
import { readFileSync } from 'node:fs';
import { arch, platform, release } from 'node:os';

/** The fields of `status.nodeInfo` that are the machine's; all of them are required upstream. */
export interface MachineInfo {
  readonly machineID: string;
  readonly systemUUID: string;
  readonly bootID: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly operatingSystem: string;
  readonly architecture: string;
}

/** @param read is handed paths, and throws for those that are missing. */
export function readMachineInfo(
  read = (path: string): string => readFileSync(path, 'utf8'),
): MachineInfo {
  const text = (path: string): string => {
    try {
      return read(path).trim();
    } catch {
      return '';
    }
  };
  const machineID = text('/etc/machine-id');
  return {
    machineID,
    // The firmware's own is for root's eyes only on many machines; without it the machine's id stands in.
    systemUUID: text('/sys/class/dmi/id/product_uuid') || machineID,
    bootID: text('/proc/sys/kernel/random/boot_id'),
    kernelVersion: release(),
    osImage: prettyName(text('/etc/os-release')) || platform(),
    operatingSystem: platform(),
    architecture: architectureName(),
  };
}

/** Go's name of the processor's architecture, as labels and images have it. */
export const architectureName = (): string => (arch() === 'x64' ? 'amd64' : arch());

/** os-release holds shell assignments, mostly quoted. */
const prettyName = (osRelease: string): string =>
  /^PRETTY_NAME=(["']?)(.*)\1$/m.exec(osRelease)?.[2] ?? '';
