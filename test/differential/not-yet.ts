/**
 * The cases that are not answered as by the real server yet, without a reason why they should not be:
 * one name per line and one file per topic, so that people who take names off in parallel do not meet.
 * `--prune` of the differential run takes off what agrees; nothing puts a name on but an editor.
 */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { differentialDirectory } from './recordings.ts';

const fileOf = (topic: string): string => join(differentialDirectory(), 'not-yet', `${topic}.txt`);

export async function readNotYet(topic: string): Promise<ReadonlySet<string>> {
  if (!existsSync(fileOf(topic))) return new Set();
  const text = await readFile(fileOf(topic), 'utf8');
  return new Set(text.split('\n').filter((line) => line !== ''));
}

export async function pruneNotYet(topic: string, agreeing: ReadonlySet<string>): Promise<void> {
  const before = await readNotYet(topic);
  const left = [...before].filter((name) => !agreeing.has(name));
  if (left.length === before.size) return;
  if (left.length === 0) await rm(fileOf(topic));
  else await writeFile(fileOf(topic), `${left.join('\n')}\n`);
}
