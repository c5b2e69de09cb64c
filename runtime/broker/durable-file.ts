/**
 * The few system calls that the log is made of, on descriptors: opened so that a write returns when
 * it is on disk, written whole, cut off, and made durable under a new name.
 */
import { close, constants, ftruncate, open as openFile, write } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

export const openDescriptor = promisify(openFile);
export const closeDescriptor = promisify(close);
export const truncateDescriptor = promisify(ftruncate);

/** O_DSYNC: the write returns when data and size are on disk. */
export const WRITE_FLAGS = constants.O_WRONLY | (constants.O_DSYNC ?? constants.O_SYNC);

const writeOnce = promisify(write) as unknown as (
  descriptor: number,
  buffer: Buffer,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesWritten: number }>;

export async function writeFully(
  descriptor: number,
  bytes: Buffer,
  position: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const left = bytes.length - done;
    const { bytesWritten } = await writeOnce(descriptor, bytes, done, left, position + done);
    done += bytesWritten;
  }
}

/** Makes a new name durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
