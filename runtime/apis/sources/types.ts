/** sources.knative.dev/v1 PingSource. */
import type { Destination, EventingStatus } from '../eventing/types.ts';
import type { KubeObject, ResourceKind } from '../meta/object.ts';

export interface PingSource extends KubeObject {
  spec: {
    /** Cron, five or six fields, or a descriptor such as `@hourly`. @default `* * * * *` */
    schedule?: string;
    /** IANA name. @default UTC */
    timezone?: string;
    contentType?: string;
    data?: string;
    dataBase64?: string;
    sink: Destination;
    ceOverrides?: { extensions?: Record<string, string> };
  };
  status?: EventingStatus & { sinkUri?: string; ceAttributes?: { type: string; source: string }[] };
}

export const pingSourceKind: ResourceKind<PingSource> = {
  group: 'sources.knative.dev',
  version: 'v1',
  kind: 'PingSource',
  plural: 'pingsources',
  namespaced: true,
};
