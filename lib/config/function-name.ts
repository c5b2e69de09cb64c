/** Names of a service's objects on the API. Pure. */
import { UserError } from '../user-error.ts';

/** A DNS label's limit; Knative appends `-00001-deployment-...` itself and shortens where it must. */
const NAME_LENGTH_MAX = 63;

/** `helloWorld_v2` -> `helloworld-v2`: lower case, everything else a dash. */
export function toObjectName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, NAME_LENGTH_MAX)
    .replace(/-+$/, '');
}

/**
 * The ksvc name of each function key.
 * @throws {UserError} when a key has no letter to begin with, or two keys end up with one name.
 */
export function nameFunctions(keys: readonly string[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Map<string, string>();
  for (const key of keys) {
    const name = toObjectName(key);
    if (name === '')
      throw new UserError(
        `function "${key}": its name needs a letter to make an object name from. Rename it.`,
        'KNIT_BAD_FUNCTION_NAME',
      );
    const other = taken.get(name);
    if (other !== undefined)
      throw new UserError(
        `functions "${other}" and "${key}" both become the Knative service "${name}", because ` +
          'names on the API are lower case with dashes. Rename one of them.',
        'KNIT_FUNCTION_NAME_COLLISION',
      );
    names.set(key, name);
    taken.set(name, key);
  }
  return names;
}
