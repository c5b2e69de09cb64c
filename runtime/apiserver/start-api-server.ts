/**
 * The embedded API server: store, handler, background work and listeners put together. One per
 * data directory.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { KindDefinition } from '../apis/meta/kind-definition.ts';
import { KubeClient } from '../kube/client.ts';
import type { KubeTransport } from '../kube/transport.ts';
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { Random } from '../std/random.ts';
import { AdmissionChain } from './admission/admission-chain.ts';
import { makeConnectAdmission } from './admission/connect-admission.ts';
import { makeLimitRanger } from './admission/limit-ranger.ts';
import { makePodScheduling } from './admission/pod-scheduling.ts';
import { makeResourceQuotas } from './admission/resource-quotas.ts';
import { ServiceAddresses } from './admission/service-addresses.ts';
import { makeServiceResolver } from './admission/service-resolver.ts';
import { createSystemPriorityClasses } from './admission/system-priority-classes.ts';
import { WebhookAdmission } from './admission/webhook-admission.ts';
import { WebhookClient } from './admission/webhook-client.ts';
import { ApiHandler } from './api-handler.ts';
import { AccessControl } from './auth/access-control.ts';
import { openGate, type AccessGate } from './auth/access-gate.ts';
import { JWKS_PATH, OPENID_CONFIGURATION_PATH } from './auth/service-account-tokens.ts';
import { makeNegotiatingCodec } from './codec/negotiating-codec.ts';
import { ConversionWebhook } from './crd/conversion-webhook.ts';
import { CustomAdmission } from './crd/custom-admission.ts';
import { CustomDecoder } from './crd/custom-decoder.ts';
import { CustomKinds } from './crd/custom-kinds.ts';
import { definitionOfDefinitions } from './crd/definition-of-definitions.ts';
import { startEventExpiry } from './event-expiry.ts';
import { makeFinalizeHandler } from './finalize-subresource.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { HttpListener } from './http-listener.ts';
import { InFlight } from './http/in-flight.ts';
import { openSocketServer, openTlsServer, type OpenServer } from './http/open-servers.ts';
import { BodyReader } from './http/read-body.ts';
import { RequestMetrics } from './http/request-metrics.ts';
import { ServerPages } from './http/server-pages.ts';
import { makeGauges } from './http/server-gauges.ts';
import { makeInProcessTransport } from './in-process-transport.ts';
import { KindRegistry } from './kind-registry.ts';
import { createInitialNamespaces, NamespaceLifecycle } from './namespace-lifecycle.ts';
import { ObjectDeleter } from './object-deleter.ts';
import { ObjectVersions } from './object-versions.ts';
import { ObjectWriter } from './object-writer.ts';
import { OpenWatches } from './open-watches.ts';
import { hasMessages } from './protobuf/has-messages.ts';
import { makeSchemaDecoder } from './schema/builtin-decoder.ts';
import { makePodSubresources } from './pod-subresources.ts';
import type { PodLogReader } from './pod-log.ts';
import { openKeyFile } from './store/key-file.ts';
import { makePodUpgrades, podConnections } from './streams/pod-upgrades.ts';
import type { PodStreams } from './streams/pod-streams.ts';
import { openLmdbJournal } from './store/lmdb-journal.ts';
import { ObjectStore } from './store/object-store.ts';
import { makeRecordCipher } from './store/record-cipher.ts';

export interface ApiServerOptions {
  /** Holds the store; created with mode 0700 where it is missing. */
  readonly dataDir: string;
  /**
   * Holds the keys that Secrets are encrypted with on disk; see store/key-file.ts. Made with mode
   * 0600 where it is missing. @default `secrets.key` in `dataDir`
   */
  readonly secretsKeyFile?: string;
  /** The kinds to serve. Namespace must be among them. */
  readonly definitions: readonly KindDefinition[];
  readonly clock: Clock;
  /** For generated names. @default Math.random */
  readonly random?: Random;
  readonly logger: Logger;
  /** PEM texts; port 0 picks a free one. Left out: no TCP listener. */
  readonly tls?: {
    readonly host: string;
    readonly port: number;
    readonly cert: string;
    readonly key: string;
    /** Whose certificates name users (CN) and groups (O). Left out: clients are not asked for one. */
    readonly clientCa?: string;
  };
  /** The bearer token of `system:admin` on the TLS listener. Required with `tls`. */
  readonly token?: string;
  /** Signs the tokens of service accounts: PKCS#8 PEM of a P-256 key. @default one of this start only */
  readonly serviceAccountKey?: string;
  /**
   * Pods get a service account and its token, as on a cluster. Needs somebody who publishes the
   * `default` account and the root CA in every namespace (runtime/workloads). @default false
   */
  readonly mountsServiceAccountTokens?: boolean;
  /** A second listener; whoever may open the socket (mode 0600) is `system:admin`. */
  readonly socketPath?: string;
  /** Reads container logs for `pods/log`; without it that path answers 500. */
  readonly readPodLog?: PodLogReader;
  /** The network that ClusterIPs are taken from. @default 10.128.0.0/16 */
  readonly serviceCidr?: string;
  /** Serves exec and port-forward; without it those paths answer 400. */
  readonly podStreams?: PodStreams;
}

export interface ApiServer {
  /** For the server's own process: no sockets, and watches hear of a write in the tick of the write. */
  readonly transport: KubeTransport;
  readonly url?: string;
  readonly port?: number;
  /**
   * Listens with TLS on another address too, such as that of the pods' bridge, for the same clients.
   * @throws when there is no TLS listener, or the address cannot be had.
   */
  listenAlso(where: { readonly host: string; readonly port: number }): Promise<void>;
  /** Ends all watches, closes the listeners, writes what is not on disk yet. */
  close(): Promise<void>;
}

const SERVICE_CIDR_DEFAULT = '10.128.0.0/16';

/** Resolves when everything is loaded, the initial namespaces are on disk and the listeners listen. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { clock, logger, random = Math.random } = options;
  if (options.tls && !options.token)
    throw new Error('an API server with a TLS listener needs a token');
  const registry = new KindRegistry([...options.definitions, definitionOfDefinitions]);
  const keyPath = options.secretsKeyFile ?? join(options.dataDir, 'secrets.key');
  const journal = openLmdbJournal(options.dataDir);
  const keyFile = openKeyFile(keyPath);
  const cipher = makeRecordCipher(keyFile.keys, keyPath);
  const store = new ObjectStore({ journal, clock, logger, cipher });
  keyFile.save();
  const newUid = (): string => randomUUID();
  const webhooks = new WebhookClient(makeServiceResolver(store, random));
  const cidr = options.serviceCidr ?? SERVICE_CIDR_DEFAULT;
  const addresses = new ServiceAddresses({ store, clock, random, cidr });
  const access = new AccessControl({
    store,
    registry,
    clock,
    logger,
    administratorToken: options.token,
    serviceAccountKey: options.serviceAccountKey,
    random,
    mountsTokens: options.mountsServiceAccountTokens ?? false,
    rootCa: options.tls?.clientCa,
  });
  const versions = new ObjectVersions(new ConversionWebhook({ client: webhooks, newUid }));
  // As upstream: webhooks see what a Pod was given, and the quota counts what nobody else refuses.
  const webhookAdmission = new WebhookAdmission({
    store,
    registry,
    client: webhooks,
    versions,
    newUid,
    logger,
  });
  const admission = new AdmissionChain([
    new CustomAdmission(),
    makeLimitRanger(store),
    ...access.admission,
    makePodScheduling(store),
    webhookAdmission,
    addresses,
    makeResourceQuotas(store, clock),
  ]);
  const writer = new ObjectWriter({
    store,
    clock,
    random,
    newUid,
    admission,
    decoder: makeSchemaDecoder(new CustomDecoder()),
    versions,
  });
  const deleter = new ObjectDeleter({ store, clock, admission, versions });
  const watches = new OpenWatches(clock);
  let address = '';
  const handler = new ApiHandler({
    store,
    registry,
    writer,
    deleter,
    versions,
    clock,
    readPodLog: options.readPodLog,
    subresources: new Map([
      ...access.subresources,
      ...makePodSubresources({ store, writer, deleter, registry }),
      ['namespaces/finalize', makeFinalizeHandler({ writer })],
    ]),
    connections: options.podStreams ? podConnections : [],
    questions: access.questions,
    documents: new Map([
      [JWKS_PATH, () => access.tokens.jwks()],
      [OPENID_CONFIGURATION_PATH, () => access.tokens.openIdConfiguration(`https://${address}`)],
    ]),
    serverAddress: () => address,
  });
  const transport = makeInProcessTransport({ handler, watches });
  const client = new KubeClient(transport);
  const background = { store, registry, deleter, clock, logger };
  const customKinds = new CustomKinds(background);
  const collector = new GarbageCollector(background);
  const namespaces = new NamespaceLifecycle(background);
  const stopEventExpiry = startEventExpiry(background);
  const inFlight = new InFlight();
  const metrics = new RequestMetrics(registry);
  const pages = new ServerPages({
    live: [{ name: 'ping', check: () => undefined }],
    ready: [{ name: 'store', check: () => store.problem }],
    printMetrics: () => metrics.print(makeGauges({ store, watches, inFlight })),
  });
  const bodies = new BodyReader();
  const codec = makeNegotiatingCodec((path) => hasMessages(registry, path));
  const listenerFor = (gate: AccessGate): HttpListener =>
    new HttpListener({
      handler,
      watches,
      gate,
      codec,
      pages,
      metrics,
      inFlight,
      bodies,
      clock,
      logger,
      upgrade:
        options.podStreams &&
        makeConnectAdmission(makePodUpgrades(store, options.podStreams), {
          registry,
          webhooks: webhookAdmission,
        }),
    });
  const servers: OpenServer[] = [];
  const close = async (): Promise<void> => {
    watches.closeAll();
    access.stop();
    customKinds.stop();
    collector.stop();
    namespaces.stop();
    stopEventExpiry();
    await Promise.all(servers.map((server) => server.close()));
    webhooks.close();
    await store.close();
  };

  const listenWithTls = async (where: {
    readonly host: string;
    readonly port: number;
  }): Promise<{ readonly port: number }> => {
    if (!options.tls) throw new Error('an API server without a certificate cannot listen with TLS');
    const { cert, key, clientCa } = options.tls;
    const secure = { cert, key, ...askForCertificate(clientCa) };
    const { host, port } = where;
    const server = await openTlsServer(listenerFor(access.tlsGate), { host, port, secure });
    servers.push(server);
    return server;
  };

  try {
    await store.begin();
    await createInitialNamespaces(writer, registry, store);
    await access.start(client);
    await createSystemPriorityClasses({ store, registry, client });
    if (options.tls) {
      const { host } = options.tls;
      const server = await listenWithTls(options.tls);
      address = `${host.includes(':') ? `[${host}]` : host}:${server.port}`;
    }
    if (options.socketPath !== undefined)
      servers.push(await openSocketServer(listenerFor(openGate), options.socketPath));
  } catch (error) {
    await close();
    throw error;
  }
  logger.info('API server is ready', { address, resourceVersion: store.resourceVersion });
  return {
    transport,
    ...(address === ''
      ? {}
      : { url: `https://${address}`, port: Number(address.slice(address.lastIndexOf(':') + 1)) }),
    async listenAlso(where) {
      await listenWithTls(where);
    },
    close,
  };
}

/** A client without a certificate is let through: it may have a token. The gate refuses a wrong one. */
const askForCertificate = (ca: string | undefined): object =>
  ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false };
