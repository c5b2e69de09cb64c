/**
 * The hosts list every file of the service directory, node_modules included, before they apply
 * patterns. Where the patterns start with `!**` only what the later ones name can be packaged, so the
 * listing may start at the directory that these have in common. The result is the same, and a
 * deployment without change does not pay for thousands of files that it never packages.
 */
import type { PackagePlugin } from './host-packaging.ts';

/**
 * Never of use to a function: the framework, this plugin, and other people's history. They come last
 * among the patterns, so that the listing does not enter them even where they are symbolic links to
 * whole working copies (npm link).
 */
const NEVER_PACKAGED = [
  '!**/node_modules/{serverless-knit,osls,serverless}/**',
  '!**/node_modules/.bin/{knit,osls,serverless,sls}',
  '!**/.git/**',
];

export function narrowPackaging(plugin: PackagePlugin): void {
  const original = plugin.resolveFilePathsFromPatterns.bind(plugin);
  plugin.resolveFilePathsFromPatterns = async (params, prefix) => {
    const narrow = prefix === undefined ? narrowPatterns(params.include) : undefined;
    if (!narrow)
      return original({ ...params, include: [...params.include, ...NEVER_PACKAGED] }, prefix);
    const { base, patterns } = narrow;
    const devDependencies = [...(params.devDependencyExcludeSet ?? [])]
      .map((pattern) => rebase(pattern, base))
      .filter((pattern) => pattern !== undefined);
    // As an exclude, `**` empties the selection before the patterns fill it. Among the patterns it
    // would reach v3's glob library, which takes a second `**` for a duplicate of the first.
    const exclude = ['**', ...devDependencies];
    const devDependencyExcludeSet = new Set(devDependencies);
    const include = [...patterns, ...NEVER_PACKAGED];
    const files = await original({ include, exclude, devDependencyExcludeSet }, base);
    return files.map((file) => `${base}/${file}`);
  };
}

/** The patterns after `!**` as seen from `base`; undefined where nothing can be gained. Pure. */
export function narrowPatterns(
  include: readonly string[],
): { base: string; patterns: string[] } | undefined {
  const [first, ...rest] = include;
  const positive = rest.filter((pattern) => !pattern.startsWith('!'));
  if (first !== '!**' || positive.length === 0 || rest.includes('!**')) return undefined;
  const base = commonDirectory(positive.map(staticDirectory));
  if (base === '' || base.startsWith('..') || base.startsWith('/')) return undefined;
  const patterns = rest
    .map((pattern) => rebase(pattern, base))
    .filter((pattern) => pattern !== undefined);
  return { base, patterns };
}

/** The part of a pattern before its first segment with a wildcard; without one, the directory. */
function staticDirectory(pattern: string): string[] {
  const segments = pattern.replace(/^\.\//, '').split('/');
  const wild = segments.findIndex((segment) => /[*?{}()[\]!+@]/.test(segment));
  return segments.slice(0, wild < 0 ? segments.length - 1 : wild);
}

function commonDirectory(directories: readonly string[][]): string {
  const [first = []] = directories;
  let length = 0;
  while (
    length < first.length &&
    directories.every((directory) => directory[length] === first[length])
  )
    length++;
  return first.slice(0, length).join('/');
}

/** The pattern as seen from `base`; undefined when it can match nothing there. */
function rebase(pattern: string, base: string): string | undefined {
  const isNegative = pattern.startsWith('!');
  const body = (isNegative ? pattern.slice(1) : pattern).replace(/^\.\//, '');
  const mark = isNegative ? '!' : '';
  if (body.startsWith(`${base}/`)) return mark + body.slice(base.length + 1);
  // From any depth on; any other wildcard above the base is too rare to be worked out.
  if (body.startsWith('**/')) return mark + body;
  return undefined;
}
