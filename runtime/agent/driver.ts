/**
 * What the agent needs of a way to run containers. Two implementations: OCI containers
 * (oci/oci-driver.ts) and plain child processes (process/process-driver.ts). A driver knows nothing
 * of restarts, probes or status.
 */
import type { Writable } from 'node:stream';

import type { Container, SecurityContext } from '../apis/core/types.ts';
import type { PodPaths } from './agent-paths.ts';
import type { ExecSession } from './exec/exec-session.ts';
import type { CommandOutcome } from './exec/run-in-container.ts';

/** What a pod's containers share: its place on the network. Kept in the state file, so plain data. */
export interface Sandbox {
  readonly podIP: string;
  /** Name of the network namespace; absent with the process driver. */
  readonly netns?: string;
  /** Loopback port of the serving port, process driver only. */
  readonly hostPort?: number;
}

/** terminationMessagePath of a container that names none. */
export const TERMINATION_PATH_DEFAULT = '/dev/termination-log';

export interface BindMount {
  readonly source: string;
  readonly destination: string;
  readonly readOnly: boolean;
}

export interface StartRequest {
  readonly pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    /** What the pod calls itself. */
    readonly hostname: string;
  };
  readonly podPaths: PodPaths;
  readonly sandbox: Sandbox;
  readonly container: Container;
  readonly podSecurity: SecurityContext | undefined;
  /** 0 for the first start. */
  readonly attempt: number;
  /** Resolved environment of the spec, without the image's. */
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly BindMount[];
  /** An existing file that stands behind the container's terminationMessagePath. */
  readonly terminationFile: string;
}

/** What is needed to find a container again after this process died. */
export interface ContainerRecord {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly imageID: string;
  /** The process whose end is the container's end. */
  readonly pid: number;
  /** Distinguishes it from a later process with the same pid; empty where the system cannot tell. */
  readonly startTicks: string;
  readonly startedAtMs: number;
  /** Name of its control group. @default its id */
  readonly group?: string;
}

export interface ContainerExit {
  readonly exitCode: number;
  readonly reason: 'Completed' | 'Error' | 'OOMKilled' | 'StartError' | 'ContainerStatusUnknown';
  readonly message?: string;
}

export interface RunningContainer {
  readonly record: ContainerRecord;
  /** Resolves when nothing of the container is left; never rejects. */
  readonly exited: Promise<ContainerExit>;
  /** Asks the container's first process to end (SIGTERM). */
  terminate(): void;
  /** Ends everything in it (SIGKILL). */
  kill(): void;
  /** Runs a command inside. Rejects when it cannot be started or does not end in time, by when it is ended. */
  exec(command: readonly string[], timeoutMs: number): Promise<CommandOutcome>;
  /** A new way into its standard input; undefined when it has none, or it has ended for good. */
  openInput(): Writable | undefined;
  /** Of its terminal, in characters; without effect when it has none. */
  resize(columns: number, rows: number): void;
  /** Runs a command inside with open streams. Rejects when the container has not been created yet. */
  openExec(request: OpenExecRequest): Promise<ExecSession>;
}

export interface OpenExecRequest {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** A container that cannot be started as it is; `reason` is the waiting reason of its status. */
export class StartError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
    this.reason = reason;
  }
}

export interface Driver {
  readonly name: 'oci' | 'process';
  /** At once where the pool has one; a promise when it must be made. @throws {StartError} */
  acquireSandbox(): Sandbox | Promise<Sandbox>;
  /** Marks the sandbox of an adopted pod as used. False when it does not exist any more. */
  adoptSandbox(sandbox: Sandbox): boolean;
  releaseSandbox(sandbox: Sandbox): void;
  /** Returns when the process is spawned; waits for nothing. @throws {StartError} */
  start(request: StartRequest): RunningContainer;
  /** Undefined when the process is gone. */
  adopt(record: ContainerRecord, podPaths: PodPaths): RunningContainer | undefined;
  /** Stops background work; containers live on. */
  close(): Promise<void>;
}
