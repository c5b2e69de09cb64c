/** The patterns of a `.dockerignore` file, compiled to one predicate. Pure. Source: Docker's build context rules. */

/** Whether a path (relative, forward slashes) stays out of the build context. The last match wins. */
export type IsIgnored = (path: string) => boolean;

export function parseDockerIgnore(text: string): IsIgnored {
  const rules = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const isException = line.startsWith('!');
      const pattern = (isException ? line.slice(1) : line).trim().replace(/^\/+|\/+$/g, '');
      return { isException, regExp: toRegExp(pattern.replace(/^\.\//, '')) };
    });
  return (path) => {
    let isIgnored = false;
    for (const { isException, regExp } of rules) if (regExp.test(path)) isIgnored = !isException;
    return isIgnored;
  };
}

/** A pattern also covers everything below what it names. */
function toRegExp(pattern: string): RegExp {
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === '*' && pattern[i + 1] === '*') {
      const hasSlash = pattern[i + 2] === '/';
      source += hasSlash ? '(?:.*/)?' : '.*';
      i += hasSlash ? 2 : 1;
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else source += char.replace(/[\\^$.|+(){}[\]]/g, '\\$&');
  }
  return new RegExp(`^${source}(?:/.*)?$`);
}
