/** What the supervisor and its children say to each other over IPC. */
import type { RuntimeStatus } from '../runtime-status.ts';

/** Given to each child in the environment as JSON, since it is small and must be there at start. */
export interface ChildOptions {
  readonly home: string;
  readonly listen: string;
  readonly gatewayPort: number;
  /** 0 = none. */
  readonly gatewayTlsPort: number;
  readonly gatewayInternalPort: number;
  readonly apiPort: number;
  readonly brokerPort: number;
  readonly driver: 'auto' | 'oci' | 'process';
}

export type FromChild =
  | { readonly type: 'ready'; readonly info: ChildInfo }
  /** The child cannot start, and trying again will not help. */
  | { readonly type: 'failed'; readonly message: string }
  /** The bridge is up: the gateway may listen on this address. */
  | { readonly type: 'bridge'; readonly address: string };

export interface ChildInfo {
  readonly driver?: 'oci' | 'process';
  readonly driverReason?: string;
  readonly apiUrl?: string;
}

export type ToChild =
  | { readonly type: 'shutdown'; /** Also end every pod. */ readonly stopPods: boolean }
  | { readonly type: 'bridge'; readonly address: string };

/** What `knit up` hears of the supervisor that it has started. */
export type FromSupervisor =
  | { readonly type: 'up'; readonly status: RuntimeStatus; readonly driverReason?: string }
  | { readonly type: 'failed'; readonly message: string };

export const CHILD_OPTIONS_VARIABLE = 'KNIT_CHILD_OPTIONS';
export const SUPERVISOR_OPTIONS_VARIABLE = 'KNIT_SUPERVISOR_OPTIONS';
