/**
 * The one command that starts a container: a private mount namespace, the control groups joined, the
 * overlay mounted, then the runtime in this very process. Between mounting and running it reads from
 * its input what to run, so that all of the first half can be done before there is anything to run.
 * The mounts die with the namespace: nothing is left when the container ends, however it ends.
 */

export interface LaunchOptions {
  readonly runtime: 'crun' | 'runc';
  readonly runtimeState: string;
  readonly fstab: string;
  /** File for what the first half says when it fails. */
  readonly errorFile: string;
  /** Files of the groups to join. */
  readonly cgroupProcs: readonly string[];
}

/**
 * `$1` fstab, `$2` where errors of the launch go, then the groups to join up to `--`, then the
 * runtime's command line. Closing descriptor 3 says that the first half is done; an input that ends
 * without a word says that nobody will ever use this one. All mounts take one call of mount(8). A
 * descriptor 4 that stays open keeps the container's input from ending with whoever writes to it.
 */
const SCRIPT = [
  'f=$1; e=$2; shift 2',
  'while [ "$1" != -- ]; do echo $$ > "$1" 2>"$e" || exit 125; shift; done; shift',
  'mount -a -T "$f" 2>"$e" || exit 125',
  'exec 3>&-',
  'IFS= read -r b && IFS= read -r id && IFS= read -r kind || exit 0',
  'set -- "$@" --log "$b/runtime-error" run --pid-file "$b/pid" --bundle "$b" "$id"',
  'case $kind in none) exec </dev/null;; once*) exec <"$b/stdin";; *) exec 4<>"$b/stdin" <"$b/stdin";; esac',
  // The terminal of the runtime, which only with one makes one for the container. Through the
  // environment its command line needs no quoting: no argument has a line break.
  'case $kind in *-tty) export b n=\'\n\'; launch=$(printf "%s\\n" "$@"); export launch',
  "exec script --quiet --flush --return --echo never --command '",
  'tty >"$b/tty"; IFS=$n; set -f; exec $launch\' /dev/null;; esac',
  'exec "$@"',
].join('\n');

export function makeLaunchCommand(options: LaunchOptions): string[] {
  const { runtime, runtimeState, fstab, errorFile, cgroupProcs } = options;
  return [
    ...['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', SCRIPT, 'knit-launch'],
    ...[fstab, errorFile, ...cgroupProcs, '--', runtime, '--root', runtimeState],
    ...(runtime === 'crun' ? ['--cgroup-manager=disabled'] : []),
  ];
}

/** Where the container's input comes from: nowhere, or the bundle's fifo. */
export type InputKind = 'none' | 'open' | 'once' | 'open-tty' | 'once-tty';

/** What to write to the command's input. @throws when a line break in a path would split it. */
export function makeLaunchInput(bundle: string, id: string, kind: InputKind = 'none'): string {
  if (/[\r\n]/.test(bundle + id))
    throw new Error(
      `the path ${JSON.stringify(bundle)} has a line break: use another home directory`,
    );
  return `${bundle}\n${id}\n${kind}\n`;
}

/**
 * The mounts in fstab's syntax: the root file system, and an empty file system over a unified cgroup
 * hierarchy that the runtime must not see.
 */
export function makeFstab(options: {
  readonly layers: readonly string[];
  readonly rootfs: string;
  readonly upper: string;
  readonly work: string;
  readonly hidden?: string | undefined;
}): string {
  const { layers, rootfs, upper, work, hidden } = options;
  const overlay = [
    `lowerdir=${layers.map(escapeOption).join(':')}`,
    `upperdir=${escapeOption(upper)}`,
    `workdir=${escapeOption(work)}`,
    // What a container wrote is gone with it: never worth a sync.
    'volatile',
  ].join(',');
  const lines = [`overlay ${escapeField(rootfs)} overlay ${escapeField(overlay)} 0 0`];
  if (hidden !== undefined) lines.push(`tmpfs ${escapeField(hidden)} tmpfs ro,size=4k 0 0`);
  return `${lines.join('\n')}\n`;
}

/** overlayfs separates directories by colons and options by commas. */
const escapeOption = (path: string): string => path.replace(/[\\:,]/g, (one) => `\\${one}`);
/** fstab separates fields by blanks and unescapes octal codes. */
const escapeField = (text: string): string =>
  text.replace(/[ \t\n\\#]/g, (one) => `\\${one.charCodeAt(0).toString(8).padStart(3, '0')}`);
