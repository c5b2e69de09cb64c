/** Names from `generateName`. Source: k8s.io/apiserver pkg/storage/names (alphabet and lengths). */
import type { KubeObject } from '../apis/meta/object.ts';
import type { Random } from '../std/random.ts';

const SUFFIX_LENGTH = 5;
/** Without vowels and look-alikes, so that no words come about. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const BASE_LENGTH_MAX = 63 - SUFFIX_LENGTH;

/** A copy with a name made of `generateName` and a random suffix. */
export function withGeneratedName(object: KubeObject, random: Random): KubeObject {
  const base = (object.metadata.generateName ?? '').slice(0, BASE_LENGTH_MAX);
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++)
    suffix += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return { ...object, metadata: { ...object.metadata, name: base + suffix } };
}
