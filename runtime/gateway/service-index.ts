/**
 * Endpoints of core Services that are no revisions, kept from Services and EndpointSlices one change
 * at a time. Pure but for its own maps.
 */
import type { CoreService } from '../apis/core/types.ts';
import type { EndpointSlice } from '../apis/discovery/types.ts';
import { SERVICE_NAME_LABEL } from '../apis/discovery/types.ts';
import { keyOf } from '../apis/meta/object.ts';
import type { ReadyPod } from './throttler.ts';

export class ServiceIndex {
  private readonly services = new Map<string, CoreService>();
  private readonly slices = new Map<string, Map<string, EndpointSlice>>();

  /** Returns the keys of the destinations whose endpoints may be different now. */
  applyService(type: 'added' | 'updated' | 'deleted', service: CoreService): readonly string[] {
    const key = keyOf(service.metadata);
    const old = this.services.get(key);
    if (type === 'deleted') this.services.delete(key);
    // Routes of Knative have one such Service each; they lead nowhere by themselves.
    else if (service.spec.type === 'ExternalName') this.services.delete(key);
    else this.services.set(key, service);
    return [...new Set([...destinationsOf(key, old), ...destinationsOf(key, service)])];
  }

  applySlice(type: 'added' | 'updated' | 'deleted', slice: EndpointSlice): readonly string[] {
    const name = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (name === undefined) return [];
    const key = `${slice.metadata.namespace ?? ''}/${name}`;
    let slices = this.slices.get(key);
    if (type === 'deleted') {
      slices?.delete(slice.metadata.name);
      if (slices?.size === 0) this.slices.delete(key);
    } else {
      if (!slices) this.slices.set(key, (slices = new Map()));
      slices.set(slice.metadata.name, slice);
    }
    return destinationsOf(key, this.services.get(key));
  }

  /** `key`: `namespace/name:port`, the port by its number. */
  readyPods(key: string): readonly ReadyPod[] {
    const colon = key.lastIndexOf(':');
    const serviceKey = key.slice(0, colon);
    const number = Number(key.slice(colon + 1));
    const service = this.services.get(serviceKey);
    const port = service?.spec.ports?.find((candidate) => candidate.port === number);
    if (!port) return [];
    const pods: ReadyPod[] = [];
    for (const { ports, endpoints } of this.slices.get(serviceKey)?.values() ?? []) {
      const target = ports?.find(({ name }) => (name ?? '') === (port.name ?? ''))?.port;
      if (target === undefined) continue;
      for (const { addresses, conditions, targetRef } of endpoints ?? [])
        if (conditions?.ready !== false)
          for (const host of addresses)
            pods.push({ name: `${targetRef?.uid ?? ''}/${host}`, address: { host, port: target } });
    }
    return pods;
  }
}

const destinationsOf = (key: string, service: CoreService | undefined): string[] =>
  (service?.spec.ports ?? []).map(({ port }) => `${key}:${port}`);
