/**
 * Finds keys that a JSON text has twice in one object, of which a parser keeps the last in silence.
 * The text must be valid JSON. Pure. Source: sigs.k8s.io/json (paths, limit).
 */
import { isJsonObject } from '../json-value.ts';

/** As upstream: nobody reads more. */
const DUPLICATES_MAX = 100;
const QUOTE = 0x22;
const COLON = 0x3a;

/**
 * @param value what the text was parsed into: if it has as many keys as the text, all is well.
 * @returns paths such as `spec.containers[0].name`, in the order of the text.
 */
export function findDuplicateKeys(text: string, value: unknown): string[] {
  return countColons(text) === countKeys(value) ? [] : new Scanner(text).scan();
}

function countColons(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COLON) count++;
    else if (code === QUOTE) at = endOfString(text, at);
  }
  return count;
}

function countKeys(value: unknown): number {
  let count = 0;
  if (Array.isArray(value)) for (const item of value) count += countKeys(item);
  else if (isJsonObject(value))
    for (const key of Object.keys(value)) count += 1 + countKeys(value[key]);
  return count;
}

/** Index of the closing quote of the string that opens at `at`. */
function endOfString(text: string, at: number): number {
  for (let from = at + 1; ;) {
    const end = text.indexOf('"', from);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return end;
    from = end + 1;
  }
}

interface OpenObject {
  readonly path: string;
  readonly seen: Set<string>;
  key: string;
}
interface OpenList {
  readonly path: string;
  index: number;
}

/** Walks the tokens with the open objects and lists on a stack. */
class Scanner {
  private readonly text: string;
  private readonly stack: (OpenObject | OpenList)[] = [];
  private readonly found: string[] = [];

  constructor(text: string) {
    this.text = text;
  }

  scan(): string[] {
    const { text, stack } = this;
    let isKey = false;
    for (let at = 0; at < text.length && this.found.length < DUPLICATES_MAX; at++) {
      const top = stack.at(-1);
      switch (text[at]) {
        case '{':
          stack.push({ path: this.path(), seen: new Set(), key: '' });
          isKey = true;
          break;
        case '[':
          stack.push({ path: this.path(), index: 0 });
          isKey = false;
          break;
        case '}':
        case ']':
          stack.pop();
          isKey = false;
          break;
        case ',':
          if (top && 'index' in top) top.index++;
          isKey = top !== undefined && 'key' in top;
          break;
        case '"': {
          const end = endOfString(text, at);
          if (isKey && top && 'key' in top) this.enter(top, text.slice(at, end + 1));
          isKey = false;
          at = end;
          break;
        }
      }
    }
    return this.found;
  }

  private enter(object: OpenObject, quoted: string): void {
    object.key = JSON.parse(quoted) as string;
    if (object.seen.has(object.key)) this.found.push(this.path());
    object.seen.add(object.key);
  }

  private path(): string {
    const top = this.stack.at(-1);
    if (!top) return '';
    if ('index' in top) return `${top.path}[${top.index}]`;
    return top.path === '' ? top.key : `${top.path}.${top.key}`;
  }
}
