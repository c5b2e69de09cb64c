/**
 * How records look on disk: Secrets sealed with AES-256-GCM under a key from the key file,
 * everything else as it is. A sealed record names its key, and is bound to its place: moved to
 * another Secret's key it cannot be opened. Pure but for the nonces.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const PREFIX = 'aes-256-gcm:';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Resources whose records are sealed, as they begin a record's key. */
const sealedResources = ['/secrets\t'];

export interface RecordKey {
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Buffer;
}

export interface RecordCipher {
  seal(recordKey: string, text: string): string;
  /**
   * `isCurrent` is false for a record that `seal` would write in another way: in plain text, or
   * under an older key. @throws when its key is not there or the record was changed.
   */
  open(recordKey: string, record: string): { readonly text: string; readonly isCurrent: boolean };
}

export const plainRecords: RecordCipher = {
  seal: (_recordKey, text) => text,
  open: (_recordKey, text) => ({ text, isCurrent: true }),
};

/** Seals with the first key, opens with any. `keyFile` is for messages. */
export function makeRecordCipher(keys: readonly RecordKey[], keyFile: string): RecordCipher {
  const [current] = keys;
  if (!current) throw new Error(`${keyFile} holds no key`);
  const mustSeal = (recordKey: string): boolean =>
    sealedResources.some((prefix) => recordKey.startsWith(prefix));
  return {
    seal(recordKey, text) {
      if (!mustSeal(recordKey)) return text;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', current.secret, nonce);
      cipher.setAAD(Buffer.from(recordKey));
      const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `${PREFIX}${current.id}:${Buffer.concat(sealed).toString('base64')}`;
    },
    open(recordKey, record) {
      if (!record.startsWith(PREFIX)) return { text: record, isCurrent: !mustSeal(recordKey) };
      const end = record.indexOf(':', PREFIX.length);
      const id = record.slice(PREFIX.length, end);
      const key = keys.find((candidate) => candidate.id === id);
      const what = recordKey.replaceAll('\t', ' ').trim();
      if (!key)
        throw new Error(
          `failed to open ${what}: it is encrypted with the key "${id}", which ${keyFile} does not hold; restore that file from a copy, or remove the home to start without the Secrets`,
        );
      const bytes = Buffer.from(record.slice(end + 1), 'base64');
      try {
        const decipher = createDecipheriv(
          'aes-256-gcm',
          key.secret,
          bytes.subarray(0, NONCE_BYTES),
        );
        decipher.setAAD(Buffer.from(recordKey));
        decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
        const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
        const text = Buffer.concat([opened, decipher.final()]).toString('utf8');
        return { text, isCurrent: key === current };
      } catch (cause) {
        throw new Error(
          `failed to open ${what}: the record or the key "${id}" in ${keyFile} was changed; restore both from one copy`,
          { cause },
        );
      }
    },
  };
}
