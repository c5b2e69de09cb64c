/** Finds the machine's Python 3 and where its standard library is. */
import { access, constants, realpath } from 'node:fs/promises';
import { execa } from 'execa';
import { BuildError } from '../build-error.ts';
import { findProgram } from '../buildah-environment.ts';

export interface Python {
  readonly executable: string;
  /** e.g. `3.11`. */
  readonly version: string;
  readonly standardLibrary: string;
}

/** @throws {BuildError} naming the command that installs it. */
export async function findPython(): Promise<Python> {
  // The system's own first: a version manager's shim on PATH is a script, not an interpreter.
  const command = (await isExecutable('/usr/bin/python3'))
    ? '/usr/bin/python3'
    : await findProgram('python3');
  if (!command)
    throw new BuildError(
      'PythonMissing',
      'this machine has no Python 3, which the base image python3 takes its interpreter from: run apt-get install -y python3',
    );
  const script =
    'import sys,sysconfig,json;print(json.dumps([sys.executable,"%d.%d"%sys.version_info[:2],sysconfig.get_path("stdlib")]))';
  const { stdout } = await execa(command, ['-I', '-c', script]);
  const [executable = '', version = '', standardLibrary = ''] = JSON.parse(stdout) as string[];
  return { executable: await realpath(executable), version, standardLibrary };
}

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
