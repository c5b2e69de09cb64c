/** A real admission webhook: TLS on loopback, one handler per path, everything it was asked kept. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeLocalPki } from '../../../runtime/apiserver/make-local-pki.ts';

export interface ReviewRequest {
  uid: string;
  operation: string;
  name?: string;
  namespace?: string;
  object: any;
  oldObject: any;
  dryRun: boolean;
  userInfo: { username: string; groups: string[] };
  [key: string]: unknown;
}

/** Returns the `response` without uid; `undefined` never answers. */
export type ReviewHandler = (request: ReviewRequest) => object | undefined;

export interface WebhookServer {
  readonly port: number;
  readonly url: string;
  /** Base64 of PEM. */
  readonly caBundle: string;
  readonly requests: { path: string; query: string; review: any; servername: string }[];
  on(path: string, handler: ReviewHandler): void;
  /** Answers with this status and text, whatever is asked. */
  onRaw(path: string, code: number, text: string): void;
  close(): Promise<void>;
}

export async function startWebhookServer(directory: string): Promise<WebhookServer> {
  const hosts = ['127.0.0.1', 'hook.default.svc'];
  const pki = await makeLocalPki(directory, { hosts });
  const handlers = new Map<string, ReviewHandler>();
  const raw = new Map<string, { code: number; text: string }>();
  const requests: WebhookServer['requests'] = [];
  const server = createServer({ cert: pki.cert, key: pki.key }, (request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      const { servername } = request.socket as unknown as { servername: string | false };
      requests.push({ path, query, review, servername: servername || '' });
      const plain = raw.get(path);
      if (plain) {
        response.writeHead(plain.code).end(plain.text);
        return;
      }
      const answer = handlers.get(path)?.(review.request);
      if (!answer) return;
      const { apiVersion, kind } = review;
      response.writeHead(200, { 'Content-Type': 'application/json' });
      response.end(
        JSON.stringify({ apiVersion, kind, response: { uid: review.request.uid, ...answer } }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `https://127.0.0.1:${port}`,
    caBundle: Buffer.from(pki.ca).toString('base64'),
    requests,
    on: (path, handler) => void handlers.set(path, handler),
    onRaw: (path, code, text) => void raw.set(path, { code, text }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const allow = { allowed: true };
export const deny = (message: string, code = 403): object => ({
  allowed: false,
  status: { message, code, reason: 'Forbidden' },
});
export const patchOf = (...operations: object[]): object => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
