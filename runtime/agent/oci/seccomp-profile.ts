/**
 * The system calls that a container may not make, as OCI data. A deny list: what harms the machine or
 * reaches past the container, following the groups that container engines document as blocked.
 */

/** Answered with EPERM. */
const DENIED: readonly string[] = [
  // Kernel modules, kexec, boot.
  ...['init_module', 'finit_module', 'delete_module', 'create_module', 'query_module'],
  ...['get_kernel_syms', 'kexec_load', 'kexec_file_load', 'reboot', 'bpf', 'perf_event_open'],
  // Mounts and roots.
  ...['mount', 'umount', 'umount2', 'pivot_root', 'move_mount', 'open_tree', 'mount_setattr'],
  ...['fsopen', 'fsconfig', 'fsmount', 'fspick', 'swapon', 'swapoff', 'quotactl', 'quotactl_fd'],
  ...['name_to_handle_at', 'open_by_handle_at', 'fanotify_init', 'lookup_dcookie', 'acct'],
  // Namespaces.
  ...['setns', 'unshare'],
  // The clock and the machine's settings.
  ...['settimeofday', 'stime', 'clock_settime', 'clock_settime64', 'clock_adjtime'],
  ...['clock_adjtime64', 'adjtimex', '_sysctl', 'syslog', 'vhangup', 'nfsservctl'],
  // Ports and old interfaces.
  ...['ioperm', 'iopl', 'uselib', 'ustat', 'sysfs', 'vm86', 'vm86old', 'modify_ldt'],
  // Keys, which are not namespaced.
  ...['add_key', 'request_key', 'keyctl'],
  // Other processes' memory, and interfaces with a record of escapes.
  ...['ptrace', 'process_vm_readv', 'process_vm_writev', 'process_madvise', 'kcmp'],
  ...['userfaultfd', 'io_uring_setup', 'io_uring_enter', 'io_uring_register'],
  ...['move_pages', 'migrate_pages', 'mbind', 'set_mempolicy'],
];

const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}: one rule each, because a mask matches all bits at once. */
const CLONE_NAMESPACE_FLAGS = [
  0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
];

/** Only the machine's own ABI is allowed: libseccomp kills callers of any other. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'SCMP_ARCH_X86_64',
  arm64: 'SCMP_ARCH_AARCH64',
};

/** OCI `linux.seccomp`; undefined on an architecture that it was not written for. */
export function makeSeccompProfile(architecture: string): object | undefined {
  const name = ARCHITECTURES[architecture];
  if (name === undefined) return undefined;
  return {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: [name],
    syscalls: [
      { names: DENIED, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
      // clone3 hides its flags behind a pointer: libc falls back to clone, whose flags can be seen.
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
      ...CLONE_NAMESPACE_FLAGS.map((flag) => ({
        names: ['clone'],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EPERM,
        args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }],
      })),
    ],
  };
}
