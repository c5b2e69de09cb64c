/**
 * Credentials of the local home: an own CA, a serving certificate, the administrator's token and the
 * key that signs the tokens of service accounts, as files of mode 0600 in one directory. Existing ones are used again while they are valid. The only
 * file that imports @peculiar/x509, and only when a certificate must be made: loading it takes
 * longer than starting the server.
 */
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { systemClock, type Clock } from '../std/clock.ts';
import { installDecoratorMetadata } from './decorator-metadata.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;
const CA_DAYS = 3_650;
const LEAF_DAYS = 365;
/** Renewed at a start this long before the end, so that a server which runs for a month never serves an expired one. */
const RENEW_BEFORE_DAYS = 60;
/** Clocks of clients may be behind. */
const BACKDATE_MS = 60 * 60 * 1_000;
const TOKEN_BYTES = 32;

/** Quotes, commas, escapes and a leading `#` mean something in a distinguished name. */
const certificateName = /^[A-Za-z0-9][A-Za-z0-9:@._/-]*$/;
const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** PEM texts, and the token as it goes after `Bearer`. */
export interface LocalPki {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly token: string;
  /** PKCS#8 PEM of a P-256 key; see auth/service-account-tokens.ts. */
  readonly serviceAccountKey: string;
}

interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** @param options.hosts names and addresses that the serving certificate is for. */
export async function makeLocalPki(
  directory: string,
  options: { readonly hosts: readonly string[]; readonly clock?: Clock },
): Promise<LocalPki> {
  const { hosts, clock = systemClock } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(directory, name);
  const ca = await loadOrMake(
    { cert: file('ca.crt'), key: file('ca.key') },
    (pair) => isUsable(pair, clock, (certificate) => certificate.ca),
    () => makeCa(clock),
  );
  const issuer = new X509Certificate(ca.cert);
  const leaf = await loadOrMake(
    { cert: file('server.crt'), key: file('server.key') },
    (pair) =>
      isUsable(
        pair,
        clock,
        (certificate) =>
          certificate.checkIssued(issuer) &&
          certificate.verify(issuer.publicKey) &&
          hosts.every((host) =>
            isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host),
          ),
      ),
    () => makeLeaf(ca, hosts, clock),
  );
  return {
    ca: ca.cert,
    cert: leaf.cert,
    key: leaf.key,
    token: await loadOrMakeToken(file('token')),
    serviceAccountKey: await loadOrMakeSigningKey(file('service-account.key')),
  };
}

async function loadOrMake(
  paths: KeyPair,
  isValid: (pair: KeyPair) => boolean,
  make: () => Promise<KeyPair>,
): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readIfThere(paths.cert), readIfThere(paths.key)]);
  if (cert !== undefined && key !== undefined && isValid({ cert, key })) return { cert, key };
  const pair = await make();
  await writePrivate(paths.key, pair.key);
  await writePrivate(paths.cert, pair.cert);
  return pair;
}

/** Damaged files count as absent: they are made anew. */
function isUsable(
  pair: KeyPair,
  clock: Clock,
  isRight: (certificate: X509Certificate) => boolean,
): boolean {
  try {
    const certificate = new X509Certificate(pair.cert);
    return (
      Date.parse(certificate.validTo) - clock.now() > RENEW_BEFORE_DAYS * DAY_MS &&
      certificate.checkPrivateKey(createPrivateKey(pair.key)) &&
      isRight(certificate)
    );
  } catch {
    return false;
  }
}

async function loadOrMakeToken(path: string): Promise<string> {
  const found = (await readIfThere(path))?.trim();
  if (found !== undefined && found.length >= TOKEN_BYTES) return found;
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await writePrivate(path, `${token}\n`);
  return token;
}

async function loadOrMakeSigningKey(path: string): Promise<string> {
  const found = await readIfThere(path);
  if (found !== undefined && isSigningKey(found)) return found;
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const key = await exportKey(keys.privateKey);
  await writePrivate(path, key);
  return key;
}

/** A damaged one counts as absent: the tokens that it signed end with it. */
function isSigningKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

/**
 * A certificate for a client, valid for a year: `user` is its common name, `groups` are its
 * organizations. Kept nowhere. @param directory of `makeLocalPki`, which has made the CA.
 * @throws for a name with characters that the library would read as syntax.
 */
export async function makeClientCertificate(
  directory: string,
  options: { readonly user: string; readonly groups?: readonly string[]; readonly clock?: Clock },
): Promise<{ readonly cert: string; readonly key: string }> {
  const { user, groups = [], clock = systemClock } = options;
  for (const name of [user, ...groups])
    if (!certificateName.test(name))
      throw new Error(
        `${JSON.stringify(name)} cannot stand in a certificate: use letters, digits and : @ . _ / -`,
      );
  const [cert, key] = await Promise.all(
    ['ca.crt', 'ca.key'].map((name) => readFile(join(directory, name), 'utf8')),
  );
  return issue(
    { cert: cert ?? '', key: key ?? '' },
    {
      subject: [{ CN: [user] }, ...groups.map((group) => ({ O: [group] }))],
      usage: 'clientAuth',
      names: [],
      clock,
    },
  );
}

async function makeCa(clock: Clock): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // The serial in the name keeps two CAs apart where clients look issuers up by name.
    name: `CN=knit-ca-${randomBytes(4).toString('hex')}`,
    serialNumber: randomBytes(16).toString('hex'),
    ...validity(clock, CA_DAYS),
    keys,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: await exportKey(keys.privateKey) };
}

const makeLeaf = (ca: KeyPair, hosts: readonly string[], clock: Clock): Promise<KeyPair> =>
  issue(ca, {
    subject: [{ CN: ['knit-apiserver'] }],
    usage: 'serverAuth',
    names: hosts.map((host) => ({
      type: isIP(host) ? ('ip' as const) : ('dns' as const),
      value: host,
    })),
    clock,
  });

interface LeafOptions {
  /** One attribute per entry: organizations in one set would be sorted by length in DER. */
  readonly subject: { readonly [type: string]: string[] }[];
  readonly usage: 'serverAuth' | 'clientAuth';
  readonly names: readonly { readonly type: 'ip' | 'dns'; readonly value: string }[];
  readonly clock: Clock;
}

async function issue(ca: KeyPair, { subject, usage, names, clock }: LeafOptions): Promise<KeyPair> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(ca.cert);
  const signingKey = await importKey(ca.key);
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.subject,
    serialNumber: randomBytes(16).toString('hex'),
    ...validity(clock, LEAF_DAYS),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension([...names])] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: await exportKey(keys.privateKey) };
}

/** Its dependency injection fails at import unless metadata can be kept. */
async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  installDecoratorMetadata();
  return import('@peculiar/x509');
}

const validity = (clock: Clock, days: number): { notBefore: Date; notAfter: Date } => ({
  notBefore: new Date(clock.now() - BACKDATE_MS),
  notAfter: new Date(clock.now() + days * DAY_MS),
});

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Complete or not at all, and never readable by others, not even for a moment. */
async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await chmod(temporary, 0o600);
  await rename(temporary, path);
}
