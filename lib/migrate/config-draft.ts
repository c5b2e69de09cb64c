/**
 * A configuration under migration: its document, the verdicts so far, and the edits that wait until the
 * walk is over, so that the walk sees the file as it was written. What single sections mean is
 * migrate-config.ts's. Pure.
 */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  type LineCounter,
  type Node,
  type Pair,
  type Scalar,
} from 'yaml';
import { reasonOfIgnored } from '../config/ignored-settings.ts';
import { intrinsicOf, plain, resolveIntrinsic, type Resources } from './intrinsic.ts';
import { mapVariables } from './map-variables.ts';
import { dropped, manual, mapped, type ReportedSetting, SAME, type Verdict } from './setting.ts';

export type Path = readonly (string | number)[];

export class ConfigDraft {
  readonly settings: ReportedSetting[] = [];
  protected readonly document: Document;
  private readonly file: string;
  private readonly lines: LineCounter;
  private readonly resources: Resources;
  private readonly edits: (() => void)[] = [];

  constructor(document: Document, file: string, lines: LineCounter) {
    this.document = document;
    this.file = file;
    this.lines = lines;
    this.resources = readResources(document);
  }

  protected later(edit: () => void): void {
    this.edits.push(edit);
  }

  protected applyEdits(): void {
    for (const edit of this.edits) edit();
  }

  /** A value that stays: only variables that AWS resolves are replaced within it. */
  protected value(path: Path, pair: Pair): void {
    const { value } = pair;
    if (isMap(value) && value.items.length > 0 && !intrinsicOf(value)) {
      for (const inner of pairsOf(value)) this.value([...path, keyOf(inner)], inner);
      return;
    }
    const call = intrinsicOf(value);
    if (call) {
      const resolved = resolveIntrinsic(call, this.resources);
      if (resolved === undefined) {
        this.verdict(
          path,
          pair,
          manual(
            `the value of ${call.name} is known to CloudFormation alone`,
            'set the value here',
          ),
        );
        this.remove(path);
      } else {
        this.verdict(path, pair, mapped(`${call.name} is ${JSON.stringify(resolved)} here`));
        this.set(path, resolved);
      }
      return;
    }
    this.verdict(path, pair, this.variablesWithin(value) ?? SAME);
  }

  /** Replaces the variables of AWS in a value. @returns what came of it, if there were any. */
  protected variablesWithin(node: unknown): Verdict | undefined {
    let worst: Verdict | undefined;
    for (const scalar of scalarsOf(node)) {
      if (typeof scalar.value !== 'string') continue;
      const found = mapVariables(scalar.value);
      if (!found) continue;
      if (worst?.status !== 'manual') worst = found.verdict;
      this.edits.push(() => {
        scalar.value = found.text;
      });
    }
    return worst;
  }

  /** Every leaf below a node gets the same verdict, unless it has a variable of AWS. */
  protected leaves(path: Path, node: unknown, verdict: Verdict): void {
    if (isMap(node) && node.items.length > 0) {
      for (const inner of pairsOf(node)) this.leaves([...path, keyOf(inner)], inner.value, verdict);
      return;
    }
    this.report(path, node, this.variablesWithin(node) ?? verdict);
  }

  protected elsewhere(path: Path, pair: Pair): void {
    this.verdict(
      path,
      pair,
      manual(
        'it is read from another place, which was not looked at',
        'write its content here and migrate again',
      ),
    );
  }

  protected withoutEffect(path: Path, pair: Pair, name: string): void {
    this.verdict(path, pair, dropped(reasonOfIgnored(name)));
    this.remove(path);
  }

  protected unknown(path: Path, pair: Pair): void {
    this.verdict(
      path,
      pair,
      manual(
        'it is not a setting of AWS’s provider; a plugin may read it',
        'remove it if nothing reads it',
      ),
    );
    this.remove(path);
  }

  protected set(path: Path, value: string): void {
    // A new node: an old one would keep the tag of the call that it was.
    this.edits.push(() => this.document.setIn(path, this.document.createNode(value)));
  }

  /** With the comment above it, which speaks of it; what opens the file speaks of the file. */
  protected remove(path: Path): void {
    this.edits.push(() => {
      const { contents } = this.document;
      const first = isMap(contents) ? contents.items[0] : undefined;
      const isFirst = path.length === 1 && first !== undefined && keyOf(first) === path[0];
      const opening = isFirst && isScalar(first.key) ? first.key.commentBefore : undefined;
      this.document.deleteIn(path);
      if (typeof opening === 'string') this.document.commentBefore = opening;
    });
  }

  protected verdict(path: Path, pair: Pair, verdict: Verdict): void {
    this.report(path, pair.key, verdict);
  }

  protected report(path: Path, node: unknown, verdict: Verdict): void {
    const offset = (node as Partial<Node> | undefined)?.range?.[0] ?? 0;
    this.settings.push({
      path: formatPath(path),
      file: this.file,
      line: this.lines.linePos(offset).line,
      ...verdict,
    });
  }

  protected pairsAt(path: Path): readonly Pair[] {
    const node = path.length === 0 ? this.document.contents : this.document.getIn(path, true);
    return isMap(node) ? pairsOf(node) : [];
  }
}

function readResources(document: Document): Resources {
  const found = new Map<string, { type: string; properties: Record<string, unknown> }>();
  const node = document.get('resources', true);
  for (const part of isSeq(node) ? node.items : [node]) {
    const section = isMap(part) ? (part.get('Resources', true) as unknown) : undefined;
    if (!isMap(section)) continue;
    for (const resource of pairsOf(section)) {
      const value = plain(resource.value) as { Type?: unknown; Properties?: unknown } | undefined;
      found.set(keyOf(resource), {
        type: String(value?.Type ?? ''),
        properties: (value?.Properties ?? {}) as Record<string, unknown>,
      });
    }
  }
  return found;
}

export const pairsOf = (node: { items: Pair[] }): readonly Pair[] => [...node.items];

export const keyOf = ({ key }: Pair): string => String(isScalar(key) ? key.value : key);

function* scalarsOf(node: unknown): Generator<Scalar> {
  if (isScalar(node)) yield node;
  else if (isAlias(node) || !isCollection(node)) return;
  else
    for (const item of node.items as unknown[])
      yield* scalarsOf((item as Partial<Pair>).value ?? item);
}

/** `functions.hello.events[0]`. */
const formatPath = (path: Path): string =>
  path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${part}`,
    )
    .join('');
