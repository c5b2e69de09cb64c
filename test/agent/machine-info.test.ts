import assert from 'node:assert/strict';
import { release } from 'node:os';
import { readMachineInfo } from '../../runtime/agent/node/machine-info.ts';

const reader =
  (files: Readonly<Record<string, string>>) =>
  (path: string): string => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: ${path}`);
    return text;
  };

describe('what a Node tells of its machine', () => {
  it('is read from where Linux keeps it', () => {
    const info = readMachineInfo(
      reader({
        '/etc/machine-id': '0123\n',
        '/sys/class/dmi/id/product_uuid': 'AB-CD\n',
        '/proc/sys/kernel/random/boot_id': 'ef\n',
        '/etc/os-release':
          'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
      }),
    );
    assert.deepEqual(
      [info.machineID, info.systemUUID, info.bootID, info.osImage, info.kernelVersion],
      ['0123', 'AB-CD', 'ef', 'Debian GNU/Linux 12 (bookworm)', release()],
    );
  });

  it('takes unquoted names, and the machine id where the firmware keeps its own', () => {
    const info = readMachineInfo(
      reader({ '/etc/machine-id': '0123\n', '/etc/os-release': 'PRETTY_NAME=Alpine\n' }),
    );
    assert.deepEqual([info.osImage, info.systemUUID, info.bootID], ['Alpine', '0123', '']);
  });

  it('says at least which system it is', () => {
    const info = readMachineInfo(reader({}));
    assert.deepEqual([info.osImage, info.machineID], [process.platform, '']);
  });
});
