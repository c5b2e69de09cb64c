/**
 * Calls a webhook: TLS always, one JSON document each way, bounded in time and size, connections
 * kept for the next call. What is asked and what the answer means is the callers' business:
 * admission, and conversion of custom resources. Redirects are not followed.
 * Source: k8s.io/apiserver pkg/util/webhook (behaviour, words of failures).
 */
import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { WebhookClientConfig } from '../../apis/admissionregistration/types.ts';

/** An answer carries at most one object and a patch of it: as much as a request's body. */
const ANSWER_BYTES_MAX = 6 * 1024 * 1024;
/** To one webhook at once; more calls wait, and their time runs. */
const SOCKETS_MAX = 64;
const IDLE_SOCKETS_MAX = 8;
const IDLE_MS = 30_000;
const PORT_DEFAULT = 443;
/** Of an answer that is no success, what its error quotes. */
const QUOTE_LENGTH_MAX = 1_024;

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** Host and port where a Service's requests can go now. @throws {Error} saying why there is none. */
export type ServiceResolver = (service: ServiceReference) => { host: string; port: number };

export class WebhookClient {
  private readonly resolve: ServiceResolver;
  private readonly agent = new Agent({
    keepAlive: true,
    maxSockets: SOCKETS_MAX,
    maxFreeSockets: IDLE_SOCKETS_MAX,
    timeout: IDLE_MS,
  });

  constructor(resolve: ServiceResolver) {
    this.resolve = resolve;
  }

  /**
   * Posts `body` and returns the parsed answer of a 2xx.
   * @param timeoutSeconds for all of it, connecting included; the webhook is told as `?timeout=10s`.
   * @throws {Error} whose message reads as upstream's, e.g. `Post "https://...": ...`.
   */
  async post(config: WebhookClientConfig, body: unknown, timeoutSeconds: number): Promise<unknown> {
    const target = targetOf(config);
    target.url.searchParams.set('timeout', `${timeoutSeconds}s`);
    let answer: { code: number; text: string };
    try {
      answer = await this.exchange(target, config, JSON.stringify(body), timeoutSeconds * 1_000);
    } catch (error) {
      throw new Error(`Post "${urlText(target.url)}": ${explain(error)}`, { cause: error });
    }
    const { code, text } = answer;
    if (code === 404) throw new Error('the server could not find the requested resource');
    if (code < 200 || code > 299)
      throw new Error(
        `an error on the server (${JSON.stringify(text.slice(0, QUOTE_LENGTH_MAX).trim() || 'unknown')}) has prevented the request from succeeding`,
      );
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`couldn't get version/kind; json parse error: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }

  /** Drops all connections; calls under way fail. */
  close(): void {
    this.agent.destroy();
  }

  private exchange(
    { url, service }: Target,
    { caBundle }: WebhookClientConfig,
    text: string,
    timeoutMs: number,
  ): Promise<{ code: number; text: string }> {
    const address = service ? this.resolve(service) : undefined;
    const signal = AbortSignal.timeout(timeoutMs);
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        agent: this.agent,
        host: address?.host ?? url.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: address?.port ?? (url.port === '' ? PORT_DEFAULT : Number(url.port)),
        path: `${url.pathname}${url.search}`,
        method: 'POST',
        ...(service ? { servername: url.hostname } : {}),
        ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString('utf8') } : {}),
        headers: {
          Host: url.host,
          'Content-Type': 'application/json',
          Accept: 'application/json, */*',
          'Content-Length': Buffer.byteLength(text),
          'User-Agent': 'kube-apiserver-admission',
        },
        signal,
      });
      request.on('error', reject);
      request.on('response', (response) => {
        readText(response).then(
          (answer) => resolve({ code: response.statusCode ?? 0, text: answer }),
          reject,
        );
      });
      request.end(text);
    });
  }
}

interface Target {
  readonly url: URL;
  readonly service: ServiceReference | undefined;
}

function targetOf({ url, service }: WebhookClientConfig): Target {
  if (service === undefined) return { url: new URL(url ?? ''), service: undefined };
  const { namespace, name, port = PORT_DEFAULT, path = '/' } = service;
  const target = new URL(`https://${name}.${namespace}.svc:${port}`);
  target.pathname = path;
  return { url: target, service: { namespace, name, port } };
}

/** The port of a Service is named always, as upstream does; `URL` leaves 443 out. */
function urlText(url: URL): string {
  const isService = url.hostname.endsWith('.svc') && url.port === '';
  return isService ? url.href.replace(url.host, `${url.host}:${PORT_DEFAULT}`) : url.href;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Certificates that Node refuses, in the words that operators of webhooks know. */
const certificateErrors = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  if (error.name === 'AbortError' || error.name === 'TimeoutError')
    return 'context deadline exceeded';
  if (code === 'ECONNREFUSED') return `dial tcp ${address}:${port}: connect: connection refused`;
  if (code === 'ENOTFOUND') return 'dial tcp: lookup: no such host';
  if (code === 'ECONNRESET') return 'EOF';
  if (code !== undefined && certificateErrors.has(code))
    return 'tls: failed to verify certificate: x509: certificate signed by unknown authority';
  if (code === 'CERT_HAS_EXPIRED')
    return 'tls: failed to verify certificate: x509: certificate has expired or is not yet valid';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `tls: failed to verify certificate: x509: ${error.message}`;
  return error.message;
}
