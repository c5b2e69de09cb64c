/**
 * How far a trigger has come: everything below `floor` is settled, and above it some events are,
 * and some have failed attempts behind them. Kept in a journal of JSON lines, compacted by writing a
 * new one. The journal is flushed by the system, not by us: losing its end means that some events
 * are delivered again, never that one is forgotten. Only creation and rewinding are flushed.
 */
import { close, open as openFile, write } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from '../std/logger.ts';
import { syncDirectory } from './durable-file.ts';

/** An event whose delivery has failed so far. */
export interface DeliveryState {
  readonly stage: 'subscriber' | 'deadLetter';
  /** Attempts made in this stage. */
  readonly attempts: number;
  /** Wall time before which it is not tried again. */
  readonly dueMs: number;
  /** Why the subscriber stage ended; set in stage `deadLetter`. */
  readonly extensions?: Readonly<Record<string, string | number>>;
}

type Line = ['f', number] | ['s', number] | ['r', number, DeliveryState];

/** A journal of this size is rewritten: a floor, and what is still open above it. */
const JOURNAL_BYTES_MAX = 1024 * 1024;

const openDescriptor = promisify(openFile);
const closeDescriptor = promisify(close);
const writeText = promisify(write) as unknown as (fd: number, text: string) => Promise<unknown>;

export class TriggerCursor {
  /** Every sequence below is settled. */
  floor: number;
  private readonly file: string;
  private readonly logger: Logger;
  private readonly settled = new Set<number>();
  private readonly states = new Map<number, DeliveryState>();
  private descriptor: number | undefined;
  private journalBytes = 0;
  private readonly dirtySettled = new Set<number>();
  private readonly dirtyStates = new Set<number>();
  private writtenFloor: number;
  private writing: Promise<void> | undefined;
  private needsRewrite = false;
  private isClosed = false;

  private constructor(file: string, floor: number, logger: Logger) {
    this.file = file;
    this.floor = floor;
    this.writtenFloor = floor;
    this.logger = logger;
  }

  /** Opens the trigger's journal, or begins one at `start`, durably: a new trigger keeps its place across any crash. */
  static async open(options: {
    readonly file: string;
    readonly start: number;
    readonly logger: Logger;
  }): Promise<TriggerCursor> {
    const cursor = new TriggerCursor(options.file, options.start, options.logger);
    await mkdir(path.dirname(options.file), { recursive: true });
    const text = await readFile(options.file, 'utf8').catch((error: { code?: string }) => {
      if (error.code === 'ENOENT') return undefined;
      throw error as Error;
    });
    if (text !== undefined) cursor.replay(text);
    await cursor.rewrite();
    return cursor;
  }

  isSettled(sequence: number): boolean {
    return sequence < this.floor || this.settled.has(sequence);
  }

  stateOf(sequence: number): DeliveryState | undefined {
    return this.states.get(sequence);
  }

  /** Events with failed attempts, by sequence. */
  get openStates(): ReadonlyMap<number, DeliveryState> {
    return this.states;
  }

  settle(sequence: number): void {
    this.states.delete(sequence);
    if (this.isSettled(sequence)) return;
    this.settled.add(sequence);
    while (this.settled.delete(this.floor)) this.floor += 1;
    this.dirtySettled.add(sequence);
    this.schedule();
  }

  /** Nothing below `sequence` exists any more (retention, or a gap after damage). */
  skipTo(sequence: number): void {
    if (sequence <= this.floor) return;
    this.floor = sequence;
    for (const one of this.settled) if (one < sequence) this.settled.delete(one);
    for (const one of this.states.keys()) if (one < sequence) this.states.delete(one);
    while (this.settled.delete(this.floor)) this.floor += 1;
    this.schedule();
  }

  setState(sequence: number, state: DeliveryState): void {
    this.states.set(sequence, state);
    this.dirtyStates.add(sequence);
    this.schedule();
  }

  /** Goes back (or on) to a sequence, durably; everything from there on counts as new. */
  async rewind(sequence: number): Promise<void> {
    await this.writing;
    this.floor = sequence;
    this.settled.clear();
    this.states.clear();
    this.dirtySettled.clear();
    this.dirtyStates.clear();
    await this.exclusively(() => this.rewrite());
  }

  async close(): Promise<void> {
    this.isClosed = true;
    while (this.writing) await this.writing;
    await this.exclusively(() => this.drain());
    if (this.descriptor !== undefined) await closeDescriptor(this.descriptor);
    this.descriptor = undefined;
  }

  /** Forgets the trigger. Close first. */
  async remove(): Promise<void> {
    await rm(this.file, { force: true });
  }

  private replay(text: string): void {
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const parsed = parseLine(line);
      // A torn or zeroed end: what follows is delivered again.
      if (!parsed) return;
      const [type, sequence, state] = parsed;
      if (type === 'f') {
        this.floor = sequence;
        for (const one of this.settled) if (one < sequence) this.settled.delete(one);
        for (const one of this.states.keys()) if (one < sequence) this.states.delete(one);
      } else if (type === 's') {
        this.settled.add(sequence);
        this.states.delete(sequence);
      } else this.states.set(sequence, state);
    }
    while (this.settled.delete(this.floor)) this.floor += 1;
  }

  private schedule(): void {
    if (this.isClosed || this.writing) return;
    this.writing = this.writeLater().finally(() => {
      this.writing = undefined;
      if (this.isDirty()) this.schedule();
    });
  }

  private async writeLater(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await this.drain();
  }

  private async exclusively(work: () => Promise<void>): Promise<void> {
    while (this.writing) await this.writing;
    this.writing = work().finally(() => {
      this.writing = undefined;
    });
    await this.writing;
  }

  private isDirty(): boolean {
    return (
      this.dirtySettled.size > 0 || this.dirtyStates.size > 0 || this.floor !== this.writtenFloor
    );
  }

  /** Appends what changed. A failure (disk full) is said once and mended by a later rewrite. */
  private async drain(): Promise<void> {
    if (!this.isDirty()) return;
    const lines: Line[] = [];
    for (const sequence of this.dirtySettled)
      if (sequence >= this.floor) lines.push(['s', sequence]);
    for (const sequence of this.dirtyStates) {
      const state = this.states.get(sequence);
      if (state) lines.push(['r', sequence, state]);
    }
    if (this.floor !== this.writtenFloor) lines.push(['f', this.floor]);
    this.dirtySettled.clear();
    this.dirtyStates.clear();
    this.writtenFloor = this.floor;
    const text = toText(lines);
    try {
      if (this.needsRewrite || this.journalBytes + text.length > JOURNAL_BYTES_MAX)
        await this.rewrite();
      else if (this.descriptor !== undefined && text !== '') {
        await writeText(this.descriptor, text);
        this.journalBytes += Buffer.byteLength(text);
      }
      this.needsRewrite = false;
    } catch (error) {
      if (!this.needsRewrite)
        this.logger.error('failed to write a trigger cursor, events may be delivered again', {
          file: this.file,
          error: String(error),
        });
      this.needsRewrite = true;
    }
  }

  private async rewrite(): Promise<void> {
    const lines: Line[] = [['f', this.floor]];
    for (const sequence of this.settled) lines.push(['s', sequence]);
    for (const [sequence, state] of this.states) lines.push(['r', sequence, state]);
    const text = toText(lines);
    const temporary = `${this.file}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.file);
    await syncDirectory(path.dirname(this.file));
    if (this.descriptor !== undefined) await closeDescriptor(this.descriptor);
    this.descriptor = await openDescriptor(this.file, 'a');
    this.journalBytes = Buffer.byteLength(text);
    this.writtenFloor = this.floor;
  }
}

const toText = (lines: readonly Line[]): string =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');

function parseLine(line: string): Line | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    if (!Array.isArray(parsed) || typeof parsed[1] !== 'number') return undefined;
    return ['f', 's', 'r'].includes(parsed[0] as string) ? (parsed as unknown as Line) : undefined;
  } catch {
    return undefined; // Torn by a crash; the caller stops here.
  }
}
