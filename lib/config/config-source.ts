/**
 * Finds the line of a setting in the configuration file, for error messages. Best effort: a
 * setting that came out of a variable, an included file or a TypeScript configuration has no line.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';

export interface ConfigSource {
  /** `serverless.yml:12`, or the file's name alone where the line is not known. */
  locate(settingPath: readonly (string | number)[]): Promise<string>;
}

export function makeConfigSource(serviceDir: string, fileName: string | undefined): ConfigSource {
  return {
    async locate(settingPath) {
      if (fileName === undefined) return 'the service configuration';
      if (!/\.(ya?ml|json)$/.test(fileName)) return fileName;
      try {
        const source = await readFile(path.join(serviceDir, fileName), 'utf8');
        const line = await findLine(source, settingPath);
        return line === undefined ? fileName : `${fileName}:${line}`;
      } catch {
        return fileName; // The message is about something else; not knowing the line must not hide it.
      }
    },
  };
}

/** The line (from 1) of the longest prefix of `settingPath` that the document spells out. */
export async function findLine(
  source: string,
  settingPath: readonly (string | number)[],
): Promise<number | undefined> {
  // Only errors need it, and loading a YAML parser takes longer than a deployment without change.
  const { LineCounter, isMap, isScalar, isSeq, parseDocument } = await import('yaml');
  const lineCounter = new LineCounter();
  let node: unknown = parseDocument(source, { lineCounter, logLevel: 'silent' }).contents;
  let offset: number | undefined;
  for (const step of settingPath) {
    if (isMap(node)) {
      const pair = node.items.find(
        ({ key }) => isScalar(key) && String(key.value) === String(step),
      );
      if (!pair || !isScalar(pair.key)) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(step)];
      if (item === undefined) break;
      offset = (item as { range?: [number, number, number] }).range?.[0] ?? offset;
      node = item;
    } else break;
  }
  return offset === undefined ? undefined : lineCounter.linePos(offset).line;
}
