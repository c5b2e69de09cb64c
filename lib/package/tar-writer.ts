/**
 * Writes a tar whose bytes depend on the content alone: given order, fixed owner and time, modes
 * reduced to "executable or not". The headers are `tar`'s; its streams are not used, since they take
 * owners, modes and times from the files and cannot hash what they write.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Header, Pax } from 'tar';
import { UserError } from '../user-error.ts';

export interface TarEntry {
  /** Relative, with forward slashes. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly isExecutable?: boolean;
  /** Exact number of bytes that the content will have; 0 for what has none. */
  readonly size: number;
  /** Target of a symlink. */
  readonly target?: string;
}

const BLOCK_BYTES = 512;
/** 1980-01-01: the earliest time that a zip can hold, so that functions may zip their own files. */
const MTIME_SECONDS = 315_532_800;
const TYPES = { file: 'File', directory: 'Directory', symlink: 'SymbolicLink' } as const;
/** Content is collected to this size before it is written: one system call for many small files. */
const WRITE_BYTES = 1 << 20;

export class TarWriter {
  private readonly hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private readonly file: FileHandle;
  private readonly path: string;

  private constructor(file: FileHandle, path: string) {
    this.file = file;
    this.path = path;
  }

  /** Creates or truncates `path`, readable by its owner only: code may hold secrets. */
  static async create(path: string): Promise<TarWriter> {
    return new TarWriter(await open(path, 'w', 0o600), path);
  }

  /** @throws when the content is not exactly `entry.size` bytes long. */
  async add(entry: TarEntry, content?: AsyncIterable<Buffer> | Buffer): Promise<void> {
    await this.write(makeHeaders(entry));
    let written = 0;
    if (Buffer.isBuffer(content)) {
      written = content.length;
      await this.write(content);
    } else if (content) {
      for await (const chunk of content) {
        written += chunk.length;
        await this.write(chunk);
      }
    }
    if (written !== entry.size)
      throw new Error(`"${entry.path}" has ${written} bytes and was announced with ${entry.size}`);
    if (written % BLOCK_BYTES !== 0)
      await this.write(Buffer.alloc(BLOCK_BYTES - (written % BLOCK_BYTES)));
  }

  /** A file of this machine; a symbolic link is followed. @throws what reading it throws. */
  async addFile(path: string, from: string): Promise<void> {
    const { size, mode } = await stat(from);
    await this.add(
      { path, type: 'file', size, isExecutable: (mode & 0o111) !== 0 },
      size === 0 ? undefined : (createReadStream(from) as AsyncIterable<Buffer>),
    );
  }

  /** Ends the archive. Returns `sha256` of its bytes in hex. */
  async finish(): Promise<string> {
    await this.write(Buffer.alloc(2 * BLOCK_BYTES));
    await this.flush();
    await this.file.close();
    return this.hash.digest('hex');
  }

  /** Gives up: closes the file, which the caller removes. */
  async abort(): Promise<void> {
    await this.file.close().catch(() => undefined);
  }

  private async write(chunk: Buffer): Promise<void> {
    this.hash.update(chunk);
    this.pending.push(chunk);
    this.pendingBytes += chunk.length;
    if (this.pendingBytes >= WRITE_BYTES) await this.flush();
  }

  private async flush(): Promise<void> {
    const chunks = this.pending;
    this.pending = [];
    this.pendingBytes = 0;
    if (chunks.length === 0) return;
    try {
      await this.file.writev(chunks);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
      throw new UserError(
        `The disk is full: the package does not fit into ${dirname(this.path)}. Free some space and run the command again.`,
        'KNIT_DISK_FULL',
        { cause },
      );
    }
  }
}

/** The entry's header, behind a pax header where a name or a size does not fit into it. */
function makeHeaders(entry: TarEntry): Buffer {
  const path = entry.type === 'directory' ? `${entry.path.replace(/\/$/, '')}/` : entry.path;
  const header = new Header({
    path,
    type: TYPES[entry.type],
    mode: entry.type === 'file' && !entry.isExecutable ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size: entry.size,
    mtime: new Date(MTIME_SECONDS * 1000),
    ...(entry.target === undefined ? {} : { linkpath: entry.target }),
  });
  const block = Buffer.alloc(BLOCK_BYTES);
  if (!header.encode(block)) return block;
  const pax = new Pax({
    path,
    size: entry.size,
    ...(entry.target === undefined ? {} : { linkpath: entry.target }),
  });
  return Buffer.concat([pax.encode(), block]);
}
