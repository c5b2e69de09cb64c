import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import http2 from 'node:http2';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { secretKind } from '../../runtime/apis/core/types.ts';
import { ingressKind } from '../../runtime/apis/networking/types.ts';
import { makeLocalPki } from '../../runtime/apiserver/make-local-pki.ts';
import { eventually, fetchText, ingressSpec, namespace, World } from './world.ts';

const host = 'hello.shop-dev.localhost';
const revision = 'hello-00001';

interface KeyPair {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate for the host from an authority of its own. */
async function makeCertificate(): Promise<KeyPair> {
  const directory = await mkdtemp(join(tmpdir(), 'knit-gateway-tls-'));
  try {
    return await makeLocalPki(directory, { hosts: [host] });
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe('gateway over TLS', () => {
  let world: World;
  let pair: KeyPair;
  beforeEach(async () => {
    pair = await makeCertificate();
    world = await World.start({ externalTls: { host: '127.0.0.1', port: 0 } });
    world.addService('hello');
    const port = await world.upstream((request, response) => {
      response.end(`${String(request.headers['x-forwarded-proto'])} ${request.headers.forwarded}`);
    });
    world.addPod(revision, port);
    putIngress();
    putSecret(pair);
    await eventually(() => world.isIngressReady('hello'));
  });
  afterEach(() => world.close());

  const putIngress = (httpOption?: 'Redirected'): void => {
    world.api.put(ingressKind, {
      metadata: { name: 'hello', namespace },
      spec: {
        ...ingressSpec('hello', revision),
        tls: [{ hosts: [host], secretName: 'hello-tls', secretNamespace: namespace }],
        ...(httpOption && { httpOption }),
      },
    });
  };

  const putSecret = ({ cert, key }: KeyPair): void => {
    const base64 = (text: string): string => Buffer.from(text).toString('base64');
    world.api.put(secretKind, {
      metadata: { name: 'hello-tls', namespace },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': base64(cert), 'tls.key': base64(key) },
    });
  };

  const connectOptions = (): tls.ConnectionOptions => ({
    host: '127.0.0.1',
    port: world.gateway.externalTlsPort,
    servername: host,
    ca: pair.ca,
  });

  it('serves HTTP/1.1 by the certificate of the name that was asked for', async () => {
    const request = https.get({ ...connectOptions(), headers: { Host: host }, agent: false });
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
    let body = '';
    for await (const part of response) body += String(part);
    assert.equal(body, `https for=127.0.0.1;host=${host};proto=https`);
  });

  it('serves HTTP/2 to who offers it', async () => {
    const session = http2.connect(`https://${host}`, {
      createConnection: () => tls.connect({ ...connectOptions(), ALPNProtocols: ['h2'] }),
    });
    const stream = session.request({ ':path': '/', ':authority': host });
    let body = '';
    stream.on('data', (part: Buffer) => (body += part.toString()));
    await once(stream, 'end');
    session.close();
    assert.match(body, /^https /);
  });

  it('shakes no hands under a name without certificate', async () => {
    const socket = tls.connect({ ...connectOptions(), servername: 'other.test' });
    const [error] = (await once(socket, 'error')) as [Error];
    assert.ok(error);
    socket.destroy();
  });

  it('shows a new certificate as soon as the Secret has it', async () => {
    const next = await makeCertificate();
    putSecret(next);
    const shown = async (): Promise<string> => {
      const socket = tls.connect({ ...connectOptions(), rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    const { fingerprint256 } = new X509Certificate(next.cert);
    while ((await shown()) !== fingerprint256);
  });

  it('sends HTTP to HTTPS where the Ingress says so', async () => {
    putIngress('Redirected');
    const ask = () => fetchText(world.port, { headers: { Host: `${host}:80` }, path: '/a?b' });
    let answer = await ask();
    while (answer.status !== 301) answer = await ask();
    assert.equal(answer.headers.location, `https://${host}:${world.gateway.externalTlsPort}/a?b`);
  });
});
