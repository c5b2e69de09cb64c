/** What the API server asks of whoever runs the pods, for exec, attach and port-forward. */
import type { Duplex, Readable, Writable } from 'node:stream';

export interface ExecRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  readonly stdin: boolean;
  /** One terminal for stdin, stdout and stderr. */
  readonly tty: boolean;
}

export interface AttachRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** The client wants to type. */
  readonly stdin: boolean;
}

/** A command that runs in a container. */
export interface ExecSession {
  /** Ending it is the command's end of file. */
  readonly stdin: Writable;
  /** With a terminal, both streams. */
  readonly stdout: Readable;
  /** Ends at once with a terminal. */
  readonly stderr: Readable;
  /** Exit code; 128 + signal where a signal ended it. Rejects when it could not be started. */
  readonly exited: Promise<number>;
  /** Of the terminal, in characters; without effect when there is none. */
  resize(columns: number, rows: number): void;
  /** Ends the command and what it started; without effect when it has ended. */
  kill(): void;
}

export interface PodStreams {
  /** @throws {PodRefusal} when the container does not run. */
  exec(request: ExecRequest): Promise<ExecSession>;
  /**
   * The streams of the container's own process, from now on; `kill` lets go of it and ends nothing.
   * @throws {PodRefusal} when the container does not run.
   */
  attach(request: AttachRequest): Promise<ExecSession>;
  /** A connection to a port of the pod. @throws {PodRefusal} when the pod does not run. */
  connect(target: { namespace: string; pod: string; port: number }): Promise<Duplex>;
}
