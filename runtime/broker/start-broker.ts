/** The broker room's entry: composes registry, sender and ingress into one process part. */
import type { AddressInfo } from 'node:net';
import type { BrokerContext } from './broker-context.ts';
import { BrokerRegistry } from './broker-registry.ts';
import type { HostPort } from './event-sender.ts';
import { EventSender } from './event-sender.ts';
import { IngressServer } from './ingress-server.ts';

export interface BrokerOptions {
  /** Holds `<namespace>/<broker uid>/`; made when absent. */
  readonly dataDir: string;
  /** Port 0 picks a free one. */
  readonly listen: HostPort;
  /** Where URLs under `.svc.cluster.local` are dialled; undefined on Kubernetes. */
  readonly clusterLocalGateway?: HostPort | undefined;
}

export interface BrokerHandle {
  readonly port: number;
  /** Resolves when all that was observed so far is in effect: for tests and orderly starts. */
  settled(): Promise<void>;
  /** Stops taking events, acknowledges what is being written, keeps every cursor. */
  close(): Promise<void>;
}

/** Listens when it resolves. @throws when the port or the directory cannot be used. */
export async function startBroker(
  context: BrokerContext,
  options: BrokerOptions,
): Promise<BrokerHandle> {
  const { dataDir, listen, clusterLocalGateway } = options;
  const logger = context.logger.child({ room: 'broker' });
  const sender = new EventSender({ clock: context.clock, clusterLocalGateway });
  const registry = new BrokerRegistry({ context: { ...context, logger }, dataDir, sender });
  await registry.start();
  const ingress = new IngressServer({
    find: (namespace, name) => registry.find(namespace, name),
    clock: context.clock,
    logger,
  });
  await new Promise<void>((resolve, reject) => {
    ingress.server.once('error', reject);
    ingress.server.listen(listen.port, listen.host, resolve);
  });
  const { port } = ingress.server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await ingress.close();
    await registry.close();
    await sender.close();
  };
  return {
    port,
    settled: () => registry.settled(),
    close: () => (closing ??= close()),
  };
}
