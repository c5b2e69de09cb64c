/**
 * Writes a tar whose bytes depend on the content alone: given order, fixed owner and time, modes
 * reduced to "executable or not". POSIX ustar, with pax headers for names that do not fit.
 * Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Header Block".
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';

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
const NAME_BYTES_MAX = 100;
/** The largest size that eleven octal digits can say. */
const SIZE_MAX = 8 ** 11 - 1;
/** 1980-01-01: the earliest time that a zip can hold, so that functions may zip their own files. */
const MTIME_SECONDS = 315_532_800;
const TYPE_FLAGS = { file: '0', directory: '5', symlink: '2' } as const;
/** Content is collected to this size before it is written: one system call for many small files. */
const WRITE_BYTES = 1 << 20;

export class TarWriter {
  private readonly hash = createHash('sha256');
  private pending: Buffer[] = [];
  private pendingBytes = 0;
  private readonly file: FileHandle;

  private constructor(file: FileHandle) {
    this.file = file;
  }

  /** Creates or truncates `path`, readable by its owner only: code may hold secrets. */
  static async create(path: string): Promise<TarWriter> {
    return new TarWriter(await open(path, 'w', 0o600));
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
    if (chunks.length > 0) await this.file.writev(chunks);
  }
}

function makeHeaders(entry: TarEntry): Buffer {
  if (entry.size > SIZE_MAX) throw new Error(`"${entry.path}" is larger than 8 GiB`);
  const path = entry.type === 'directory' ? `${entry.path.replace(/\/$/, '')}/` : entry.path;
  const target = entry.target ?? '';
  const records: string[] = [];
  if (!fits(path)) records.push(paxRecord('path', path));
  if (!fits(target)) records.push(paxRecord('linkpath', target));
  const header = makeHeader(entry, path, target);
  if (records.length === 0) return header;
  const body = Buffer.from(records.join(''), 'utf8');
  const padding = Buffer.alloc((BLOCK_BYTES - (body.length % BLOCK_BYTES)) % BLOCK_BYTES);
  return Buffer.concat([makePaxHeader(body.length), body, padding, header]);
}

/** Names that are short and plain ASCII read the same everywhere; all others travel in pax records. */
const fits = (name: string): boolean =>
  Buffer.byteLength(name) <= NAME_BYTES_MAX && /^[\x20-\x7e]*$/.test(name);

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + String(restBytes).length;
  length = restBytes + String(length).length;
  return `${length}${rest}`;
}

const makePaxHeader = (size: number): Buffer =>
  fill({ name: 'PaxHeader', mode: 0o644, size, typeFlag: 'x', linkName: '' });

const makeHeader = (entry: TarEntry, path: string, target: string): Buffer =>
  fill({
    name: fits(path) ? path : clip(path),
    mode: entry.type === 'file' && !entry.isExecutable ? 0o644 : 0o755,
    size: entry.size,
    typeFlag: TYPE_FLAGS[entry.type],
    linkName: fits(target) ? target : clip(target),
  });

const clip = (name: string): string => name.replace(/[^\x20-\x7e]/g, '_').slice(-NAME_BYTES_MAX);

function fill(fields: {
  name: string;
  mode: number;
  size: number;
  typeFlag: string;
  linkName: string;
}): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, digits: number): void => {
    block.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'latin1');
  };
  block.write(fields.name, 0, 'latin1');
  octal(fields.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(fields.size, 124, 11);
  octal(MTIME_SECONDS, 136, 11);
  block.write('        ', 148, 'latin1');
  block.write(fields.typeFlag, 156, 'latin1');
  block.write(fields.linkName, 157, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  const checksum = block.reduce((sum, byte) => sum + byte, 0);
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
