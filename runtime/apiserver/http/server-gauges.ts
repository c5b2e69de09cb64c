/** What the metrics page tells of the present: objects, watches, requests in flight, memory. */
import type { OpenWatches } from '../open-watches.ts';
import type { Store } from '../store/store.ts';
import type { InFlight, RequestClass } from './in-flight.ts';
import type { Gauge } from './request-metrics.ts';

const classes: readonly RequestClass[] = ['readOnly', 'mutating', 'longRunning'];

export const makeGauges = (sources: {
  readonly store: Store;
  readonly watches: OpenWatches;
  readonly inFlight: InFlight;
}): Gauge[] => {
  const { store, watches, inFlight } = sources;
  return [
    {
      name: 'apiserver_storage_objects',
      help: 'Number of stored objects by resource.',
      read: () =>
        store.resources().map((resource) => {
          const [group = '', plural = ''] = resource.split('/');
          const name = group === '' ? plural : `${plural}.${group}`;
          return [`resource="${name}"`, store.count(resource)] as const;
        }),
    },
    {
      name: 'apiserver_current_inflight_requests',
      help: 'Number of requests being handled, by kind.',
      read: () => classes.map((kind) => [`request_kind="${kind}"`, inFlight.count(kind)] as const),
    },
    {
      name: 'apiserver_registered_watchers',
      help: "Number of open watches, the server's own controllers included.",
      read: () => [['', watches.size] as const],
    },
    {
      name: 'apiserver_storage_resource_version',
      help: 'The latest resourceVersion handed out.',
      read: () => [['', store.resourceVersion] as const],
    },
    {
      name: 'process_resident_memory_bytes',
      help: 'Resident memory size in bytes.',
      read: () => [['', process.memoryUsage.rss()] as const],
    },
  ];
};
