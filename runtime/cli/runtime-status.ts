/** What `knit status --json` prints, and what `run/status.json` holds for the plugin. */

export interface ProcessStatus {
  readonly name: string;
  readonly pid: number;
  readonly rssBytes: number;
}

export interface RuntimeStatus {
  readonly running: boolean;
  readonly version: string;
  readonly home: string;
  readonly kubeconfig: string;
  /** Base URLs; null where the runtime serves none. */
  readonly api: string | null;
  readonly gateway: string | null;
  readonly gatewayTls: string | null;
  readonly broker: string | null;
  readonly dashboard: string | null;
  readonly driver: 'oci' | 'process' | null;
  readonly processes: readonly ProcessStatus[];
  readonly uptimeSeconds: number;
}
