/**
 * Certificates for TLS by the name that a client asks for: the table says which Secret a host has, the
 * Secret says the rest, and a Secret that changes is read again at the next handshake. Without a
 * certificate for the name there is no handshake: another name's would only teach people to click on.
 */
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import type { Secret } from '../apis/core/types.ts';
import { splitKey } from '../apis/meta/object.ts';
import type { Informer } from '../kube/informer.ts';
import type { Logger } from '../std/logger.ts';
import type { RoutingTable } from './routing/table.ts';

/** Contexts that are kept; beyond it they are made anew, which costs a millisecond. */
const CONTEXTS_MAX = 1_000;

export interface CertificatesOptions {
  readonly table: RoutingTable;
  readonly secrets: Informer<Secret>;
  readonly logger: Logger;
}

export class Certificates {
  private readonly options: CertificatesOptions;
  private readonly contexts = new Map<string, { secret: Secret; context: SecureContext }>();

  constructor(options: CertificatesOptions) {
    this.options = options;
  }

  /** Undefined when there is none for this name, or when it is broken. */
  contextFor(serverName: string): SecureContext | undefined {
    const { certificates } = this.options.table;
    const host = serverName.toLowerCase();
    const key = certificates.get(host) ?? certificates.get(host.replace(/^[^.]+/, '*'));
    return key === undefined ? undefined : this.contextOf(key);
  }

  private contextOf(key: string): SecureContext | undefined {
    const { namespace, name } = splitKey(key);
    const secret = this.options.secrets.get(namespace, name);
    if (!secret) return undefined;
    const known = this.contexts.get(key);
    if (known?.secret === secret) return known.context;
    this.contexts.delete(key);
    const read = (field: string): string =>
      Buffer.from(secret.data?.[field] ?? '', 'base64').toString('utf8');
    try {
      const context = createSecureContext({
        cert: read('tls.crt'),
        key: read('tls.key'),
        minVersion: 'TLSv1.2',
      });
      if (this.contexts.size >= CONTEXTS_MAX) this.contexts.clear();
      this.contexts.set(key, { secret, context });
      return context;
    } catch (error) {
      this.options.logger.warn('failed to read the certificate of a Secret', {
        key,
        error: error instanceof Error ? error.message : String(error),
      });
      return undefined;
    }
  }
}
