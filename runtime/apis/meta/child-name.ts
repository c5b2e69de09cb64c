/** Names of derived objects within 63 characters. Source: knative.dev/pkg kmeta/names.go (behaviour). */
import { createHash } from 'node:crypto';

const NAME_LENGTH_MAX = 63;
const MD5_HEX_LENGTH = 32;
const HEAD_LENGTH = NAME_LENGTH_MAX - MD5_HEX_LENGTH;

/** `parent + suffix` where it fits; otherwise a truncated parent, a hash, and the suffix. */
export function childName(parent: string, suffix: string): string {
  if (parent.length + suffix.length <= NAME_LENGTH_MAX) return parent + suffix;
  if (suffix.length >= HEAD_LENGTH)
    return (parent.slice(0, HEAD_LENGTH) + md5(parent + suffix)).replace(/[^a-z0-9]+$/i, '');
  return parent.slice(0, HEAD_LENGTH - suffix.length) + md5(parent) + suffix;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
