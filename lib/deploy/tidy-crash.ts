/**
 * What a crashed function printed, without what only its platform's authors can use: stack frames
 * shrink to the first one in the user's own code, and lines that repeat others go. Pure.
 */

const FRAME = /^\s+at .+$/;
/** Of Node.js, of the function server, of dependencies. */
const FOREIGN_FRAME = /node:|\/var\/runtime\/|\/node_modules\/|<anonymous>\)$/;
const POSITION = /(?:file:\/\/)?(\/[^()]+:\d+:\d+)/;
/** Where images hold the code; the process driver keeps the same layout below its own directory. */
const CODE_ROOT = /^.*\/var\/task\//;

/** @param seen text whose lines need no repeating. */
export function tidyCrash(text: string, seen = ''): string[] {
  const lines: string[] = [];
  let hasPosition = seen.includes('thrown at ');
  for (const line of text.split('\n')) {
    if (FRAME.test(line)) {
      const position = FOREIGN_FRAME.test(line) ? undefined : POSITION.exec(line)?.[1];
      if (position === undefined || hasPosition) continue;
      hasPosition = true;
      lines.push(`thrown at ${position.replace(CODE_ROOT, '')}`);
      continue;
    }
    const content = line.trimEnd();
    if (content === '' || seen.includes(content)) continue;
    if (lines.some((earlier) => earlier.endsWith(content))) continue;
    lines.push(content);
  }
  return lines;
}
