/**
 * The real server's transcripts, kept in the checkout so that every `npm test` compares with them.
 * One file per topic, one line per case.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Transcript } from './run-case.ts';

interface Recording {
  /** Of the server that gave the answers. */
  readonly kubernetesVersion: string;
  readonly cases: Readonly<Record<string, Transcript>>;
}

/** Compiled tests run from dist/, the recordings stay where the sources are. */
export const differentialDirectory = (): string => {
  let directory = import.meta.dirname;
  while (!existsSync(join(directory, 'package-lock.json'))) directory = dirname(directory);
  return join(directory, 'test/differential');
};

const fileOf = (topic: string): string =>
  join(differentialDirectory(), 'recorded', `${topic}.json`);

export async function readRecording(topic: string): Promise<Recording> {
  return JSON.parse(await readFile(fileOf(topic), 'utf8')) as Recording;
}

export async function writeRecording(topic: string, recording: Recording): Promise<void> {
  const cases = Object.entries(recording.cases).map(
    ([name, transcript]) => `${JSON.stringify(name)}:${JSON.stringify(transcript)}`,
  );
  await mkdir(dirname(fileOf(topic)), { recursive: true });
  await writeFile(
    fileOf(topic),
    `{"kubernetesVersion":${JSON.stringify(recording.kubernetesVersion)},"cases":{\n${cases.join(',\n')}\n}}\n`,
  );
}
