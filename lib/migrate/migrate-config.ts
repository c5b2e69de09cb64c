/**
 * An AWS configuration to a knative one: walks the document once, gives every setting a verdict, and
 * edits the same document, so that comments and order stay. Reads no files and knows no handlers: that
 * is migrate-service.ts. Pure.
 */
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
} from 'yaml';
import { EventProblem } from '../config/events/event-problem.ts';
import { eventCatalog, parseEvent } from '../config/events/event-catalog.ts';
import { awsOnlyFunctionSettings } from '../config/function-schema.ts';
import { reasonOfIgnored } from '../config/ignored-settings.ts';
import { awsOnlyProviderSettings } from '../config/provider-schema.ts';
import { UserError } from '../user-error.ts';
import { intrinsicOf, plain, resolveIntrinsic, type Resources } from './intrinsic.ts';
import { mapRuntime } from './map-runtime.ts';
import { mapVariables } from './map-variables.ts';
import {
  otherPlugin,
  otherResource,
  pluginVerdicts,
  resourceGroupVerdicts,
  resourceVerdicts,
  topLevelVerdicts,
} from './settings-catalog.ts';
import type { ReportedSetting, Verdict } from './setting.ts';

export interface MigratedConfig {
  /** The knative configuration. */
  readonly text: string;
  readonly settings: readonly ReportedSetting[];
  /** The functions as they are in `text`; values may hold variables of the framework. */
  readonly functions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly provider: Readonly<Record<string, unknown>>;
}

/** Settings of `provider` and of functions that mean the same here. */
const keptProviderSettings: ReadonlySet<string> = new Set(
  'stage region runtime memorySize timeout environment concurrency ecr registry broker domain namespace target context k8s docker scale style httpApi'.split(
    ' ',
  ),
);
const keptFunctionSettings: ReadonlySet<string> = new Set(
  'handler image runtime name description memorySize timeout environment reservedConcurrency provisionedConcurrency url concurrency scale style context buildArgs traffic'.split(
    ' ',
  ),
);
const awsProviderSettings: ReadonlySet<string> = new Set([
  ...awsOnlyProviderSettings,
  'tags',
  'stackTags',
  'versionFunctions',
]);
const awsFunctionSettings: ReadonlySet<string> = new Set([...awsOnlyFunctionSettings, 'tags']);

/** Knative's limit. */
const TIMEOUT_SECONDS_MAX = 600;

const providerDefaults: Readonly<Record<string, string>> = {
  stage: "${opt:stage, 'dev'}",
  region: 'us-east-1',
};

const kept = (reason: string): Verdict => ({ status: 'kept', reason });
const mapped = (reason: string): Verdict => ({ status: 'mapped', reason });
const dropped = (reason: string): Verdict => ({ status: 'dropped', reason });
const manual = (reason: string, todo: string): Verdict => ({ status: 'manual', reason, todo });

type Path = readonly (string | number)[];
const SAME = kept('it means the same here');

/**
 * @param file how the report calls it.
 * @throws {UserError} for what is no YAML, no mapping, or no configuration of AWS.
 */
export function migrateConfig(text: string, file: string): MigratedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: 'silent' });
  const [error] = document.errors;
  if (error)
    throw new UserError(
      `${file} is not valid YAML: ${error.message.split('\n')[0]}`,
      'KNIT_MIGRATE_BAD_YAML',
    );
  if (!isMap(document.contents))
    throw new UserError(
      `${file} is not a configuration: it must be a mapping with "service" and "provider".`,
      'KNIT_MIGRATE_NO_CONFIG',
    );
  const migration = new Migration(document, file, lines);
  migration.run();
  const result = document.toJS() as {
    functions?: unknown;
    provider?: Readonly<Record<string, unknown>>;
  };
  return {
    text: document.toString({ lineWidth: 0 }),
    settings: migration.settings,
    functions: functionsOf(result.functions),
    provider: result.provider ?? {},
  };
}

class Migration {
  readonly settings: ReportedSetting[] = [];
  private readonly document: Document;
  private readonly file: string;
  private readonly lines: LineCounter;
  private readonly resources: Resources;
  /** Applied after the walk, so that it sees the file as it was written. */
  private readonly edits: (() => void)[] = [];

  constructor(document: Document, file: string, lines: LineCounter) {
    this.document = document;
    this.file = file;
    this.lines = lines;
    this.resources = readResources(document);
  }

  run(): void {
    for (const pair of this.pairsAt([])) this.topLevel(pair);
    for (const edit of this.edits) edit();
    this.addPlugin();
    this.addDefaults();
  }

  private topLevel(pair: Pair): void {
    const name = keyOf(pair);
    const path = [name];
    switch (name) {
      case 'service':
        return this.service(pair);
      case 'provider':
        return this.provider(path, pair);
      case 'functions':
        return this.functions(path, pair);
      case 'plugins':
        return this.plugins(path, pair);
      case 'package':
        return this.package(path, pair);
      case 'resources':
        return this.resourcesAt(path, pair);
      case 'custom':
        return this.leaves(path, pair.value, SAME);
      default: {
        const verdict = topLevelVerdicts[name];
        if (verdict?.status === 'kept') return this.leaves(path, pair.value, verdict);
        this.verdict(
          path,
          pair,
          verdict ??
            manual('it is not a setting of the framework', 'remove it, or keep it under "custom"'),
        );
        if (verdict) this.remove(path);
      }
    }
  }

  private service(pair: Pair): void {
    if (!isMap(pair.value)) return this.value(['service'], pair);
    for (const inner of this.pairsAt(['service'])) {
      const name = keyOf(inner);
      if (name === 'name')
        this.verdict(['service', name], inner, mapped('"service" is a name alone'));
      else
        this.verdict(
          ['service', name],
          inner,
          dropped('"service" is a name alone; this was for AWS'),
        );
    }
    const name = this.document.getIn(['service', 'name'], true);
    this.edits.push(() => this.document.setIn(['service'], name));
  }

  private provider(path: Path, pair: Pair): void {
    if (isScalar(pair.value) && pair.value.value === 'aws') {
      this.verdict(path, pair, mapped('the provider is knative'));
      this.edits.push(() => this.document.setIn(path, { name: 'knative' }));
      return;
    }
    if (!isMap(pair.value)) return this.elsewhere(path, pair);
    for (const inner of this.pairsAt(path)) {
      const name = keyOf(inner);
      const at = [...path, name];
      if (name === 'name') {
        this.verdict(at, inner, mapped('the provider is knative'));
        this.edits.push(() => this.document.setIn(at, 'knative'));
      } else if (name === 'runtime') this.runtime(at, inner);
      else if (name === 'environment') this.environment(at, inner);
      else if (name === 'timeout') this.timeout(at, inner);
      else if (name === 'httpApi') this.withoutEffect(at, inner, name);
      else if (keptProviderSettings.has(name)) this.value(at, inner);
      else if (awsProviderSettings.has(name)) this.withoutEffect(at, inner, name);
      else this.unknown(at, inner);
    }
  }

  private functions(path: Path, pair: Pair): void {
    if (isSeq(pair.value)) {
      pair.value.items.forEach((item, index) => {
        const at = [...path, index];
        if (isMap(item))
          for (const inner of pairsOf(item)) this.oneFunction([...at, keyOf(inner)], inner);
        else this.elsewhere(at, { key: item, value: item } as Pair);
      });
      return;
    }
    if (!isMap(pair.value)) return this.elsewhere(path, pair);
    for (const inner of this.pairsAt(path)) this.oneFunction([...path, keyOf(inner)], inner);
  }

  private oneFunction(path: Path, pair: Pair): void {
    if (!isMap(pair.value)) return this.elsewhere(path, pair);
    for (const inner of pairsOf(pair.value)) {
      const name = keyOf(inner);
      const at = [...path, name];
      if (name === 'runtime') this.runtime(at, inner);
      else if (name === 'environment') this.environment(at, inner);
      else if (name === 'events') this.events(at, inner);
      else if (name === 'package') this.package(at, inner);
      else if (name === 'timeout') this.timeout(at, inner);
      else if (keptFunctionSettings.has(name)) this.value(at, inner);
      else if (awsFunctionSettings.has(name)) this.withoutEffect(at, inner, name);
      else this.unknown(at, inner);
    }
  }

  private runtime(path: Path, pair: Pair): void {
    const asked = isScalar(pair.value) ? String(pair.value.value) : '';
    if (asked.includes('${')) return this.value(path, pair);
    const { runtime, verdict } = mapRuntime(asked);
    this.verdict(path, pair, verdict);
    if (runtime !== asked) this.edits.push(() => this.document.setIn(path, runtime));
  }

  private timeout(path: Path, pair: Pair): void {
    const seconds = isScalar(pair.value) ? Number(pair.value.value) : 0;
    if (seconds <= TIMEOUT_SECONDS_MAX) return this.value(path, pair);
    this.verdict(
      path,
      pair,
      manual(
        `an invocation may take ${TIMEOUT_SECONDS_MAX} s at most`,
        'split the work, or run it in a Job',
      ),
    );
    this.edits.push(() => this.document.setIn(path, TIMEOUT_SECONDS_MAX));
  }

  private environment(path: Path, pair: Pair): void {
    if (!isMap(pair.value)) return this.value(path, pair);
    for (const inner of pairsOf(pair.value)) {
      const at = [...path, keyOf(inner)];
      const call = intrinsicOf(inner.value);
      if (!call) {
        this.value(at, inner);
        continue;
      }
      const value = resolveIntrinsic(call, this.resources);
      if (value === undefined) {
        this.verdict(
          at,
          inner,
          manual(
            `the value of ${call.name} is known to CloudFormation alone`,
            'set the value here',
          ),
        );
        this.remove(at);
      } else {
        this.verdict(at, inner, mapped(`${call.name} is ${JSON.stringify(value)} here`));
        this.set(at, value);
      }
    }
  }

  private events(path: Path, pair: Pair): void {
    if (!isSeq(pair.value)) return this.elsewhere(path, pair);
    const going: number[] = [];
    pair.value.items.forEach((item, index) => {
      const verdict = judgeEvent(item);
      this.report([...path, index], item, verdict);
      if (verdict.status !== 'kept') going.push(index);
      else {
        this.variablesWithin(item);
        this.eventOptions([...path, index], item);
      }
    });
    const { value } = pair;
    this.edits.push(() => {
      for (const index of going.reverse()) value.items.splice(index, 1);
      if (value.items.length === 0) this.document.deleteIn(path);
    });
  }

  /** What an event that is deployed asks for beyond its route or schedule. */
  private eventOptions(path: Path, item: unknown): void {
    const [event] = isMap(item) ? pairsOf(item) : [];
    if (!event || !isMap(event.value)) return;
    const name = keyOf(event);
    for (const option of pairsOf(event.value)) {
      const verdict = eventOptionVerdicts[keyOf(option)];
      if (verdict && /^http/.test(name))
        this.verdict([...path, name, keyOf(option)], option, verdict);
    }
  }

  private plugins(path: Path, pair: Pair): void {
    const list = isMap(pair.value) ? (pair.value.get('modules', true) as unknown) : pair.value;
    if (!isSeq(list)) return this.elsewhere(path, pair);
    const going: unknown[] = [];
    list.items.forEach((item, index) => {
      const name = isScalar(item) ? String(item.value) : '';
      const verdict = name.startsWith('.')
        ? manual('it is a plugin of this repository', 'see whether it calls AWS')
        : (pluginVerdicts[name] ?? otherPlugin);
      this.report([...path, index], item, verdict);
      // One that may work is left for the user to judge.
      if (verdict.status === 'dropped' || (verdict.status === 'manual' && name in pluginVerdicts))
        going.push(item);
    });
    this.edits.push(() => {
      list.items = list.items.filter((item) => !going.includes(item));
    });
  }

  private package(path: Path, pair: Pair): void {
    if (!isMap(pair.value)) return this.value(path, pair);
    const { value } = pair;
    const added: string[] = [];
    for (const inner of pairsOf(value)) {
      const name = keyOf(inner);
      const at = [...path, name];
      if (name === 'include' || name === 'exclude') {
        this.verdict(at, inner, mapped('"patterns" says both, "!" for what is left out'));
        const words = isSeq(inner.value) ? inner.value.items : [];
        const texts = words.map((word) => String(isScalar(word) ? word.value : word));
        // Left out first: what is included wins, as it does on AWS.
        if (name === 'exclude') added.unshift(...texts.map(negated));
        else added.push(...texts);
        this.remove(at);
      } else if (
        ['excludeDevDependencies', 'patterns', 'individually', 'artifact', 'disable'].includes(name)
      )
        this.value(at, inner);
      else this.unknown(at, inner);
    }
    if (added.length > 0)
      this.edits.push(() => {
        const present =
          (value.get('patterns') as { toJSON(): string[] } | undefined)?.toJSON() ?? [];
        value.set('patterns', this.document.createNode([...added, ...present]));
      });
  }

  private resourcesAt(path: Path, pair: Pair): void {
    const parts = isSeq(pair.value) ? pair.value.items : [pair.value];
    parts.forEach((part, index) => {
      const at = isSeq(pair.value) ? [...path, index] : path;
      if (!isMap(part)) {
        this.report(
          at,
          part,
          manual(
            'CloudFormation resources of another file are not created',
            'see what that file creates',
          ),
        );
        return;
      }
      for (const section of pairsOf(part)) {
        const name = keyOf(section);
        if (name !== 'Resources' || !isMap(section.value))
          this.verdict(
            [...at, name],
            section,
            dropped('CloudFormation templates are not deployed'),
          );
        else
          for (const resource of pairsOf(section.value))
            this.verdict([...at, name, keyOf(resource)], resource, judgeResource(resource.value));
      }
    });
    this.remove(path);
  }

  /** A value that stays: only variables that AWS resolves are replaced within it. */
  private value(path: Path, pair: Pair): void {
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
  private variablesWithin(node: unknown): Verdict | undefined {
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
  private leaves(path: Path, node: unknown, verdict: Verdict): void {
    if (isMap(node) && node.items.length > 0) {
      for (const inner of pairsOf(node)) this.leaves([...path, keyOf(inner)], inner.value, verdict);
      return;
    }
    this.report(path, node, this.variablesWithin(node) ?? verdict);
  }

  private elsewhere(path: Path, pair: Pair): void {
    this.verdict(
      path,
      pair,
      manual(
        'it is read from another place, which was not looked at',
        'write its content here and migrate again',
      ),
    );
  }

  private withoutEffect(path: Path, pair: Pair, name: string): void {
    this.verdict(path, pair, dropped(reasonOfIgnored(name)));
    this.remove(path);
  }

  private unknown(path: Path, pair: Pair): void {
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

  private set(path: Path, value: string): void {
    // A new node: an old one would keep the tag of the call that it was.
    this.edits.push(() => this.document.setIn(path, this.document.createNode(value)));
  }

  /** With the comment above it, which speaks of it; what opens the file speaks of the file. */
  private remove(path: Path): void {
    this.edits.push(() => {
      const { contents } = this.document;
      const first = isMap(contents) ? contents.items[0] : undefined;
      const isFirst = path.length === 1 && first !== undefined && keyOf(first) === path[0];
      const opening = isFirst && isScalar(first.key) ? first.key.commentBefore : undefined;
      this.document.deleteIn(path);
      if (typeof opening === 'string') this.document.commentBefore = opening;
    });
  }

  private addPlugin(): void {
    const existing = this.document.get('plugins', true) as unknown;
    const list = isMap(existing) ? (existing.get('modules', true) as unknown) : existing;
    if (!isSeq(list)) {
      if (existing !== undefined) return;
      const plugins = this.document.createPair('plugins', ['serverless-knit']);
      const top = this.document.contents as { items: Pair[] };
      const at = top.items.findIndex((pair) => keyOf(pair) === 'provider');
      top.items.splice(at === -1 ? top.items.length : at, 0, plugins as Pair);
      return;
    }
    const hasIt = list.items.some((item) => isScalar(item) && item.value === 'serverless-knit');
    if (!hasIt) list.items.unshift(this.document.createNode('serverless-knit') as Scalar);
  }

  /** What `${self:provider...}` yields with AWS's provider without being written. */
  private addDefaults(): void {
    const text = String(this.document);
    for (const [name, value] of Object.entries(providerDefaults))
      if (text.includes(`self:provider.${name}`) && !this.document.hasIn(['provider', name]))
        this.document.setIn(['provider', name], value);
  }

  private verdict(path: Path, pair: Pair, verdict: Verdict): void {
    this.report(path, pair.key, verdict);
  }

  private report(path: Path, node: unknown, verdict: Verdict): void {
    const offset = (node as Partial<Node> | undefined)?.range?.[0] ?? 0;
    this.settings.push({
      path: formatPath(path),
      file: this.file,
      line: this.lines.linePos(offset).line,
      ...verdict,
    });
  }

  private pairsAt(path: Path): readonly Pair[] {
    const node = path.length === 0 ? this.document.contents : this.document.getIn(path, true);
    return isMap(node) ? pairsOf(node) : [];
  }
}

/** Whether the event would be deployed: what the configuration itself says of it. */
function judgeEvent(item: unknown): Verdict {
  const value = plain(item);
  const name = typeof value === 'string' ? value : (Object.keys((value ?? {}) as object)[0] ?? '');
  if (!Object.hasOwn(eventCatalog, name))
    return manual(`"${name}" is no event that is known here`, 'call the function in another way');
  try {
    parseEvent(value);
    return SAME;
  } catch (error) {
    if (!(error instanceof EventProblem)) throw error;
    return manual(
      `${name}: ${error.message}`,
      eventTodos[name] ??
        'call the function in another way: over HTTP, on a schedule or by an event',
    );
  }
}

/** Options of `http` and `httpApi` that stay in the file, for a version that reads them. */
const eventOptionVerdicts: Readonly<Record<string, Verdict>> = {
  cors: manual(
    'preflight requests are not answered by the gateway',
    'answer OPTIONS in the function, and send Access-Control-Allow-Origin',
  ),
  request: manual('requests are not checked before the function', 'check them in the function'),
  response: manual('responses are not rewritten', 'answer in the function as the client expects'),
  async: manual('the call waits for the function', 'call it with sls invoke --type Event'),
  timeoutInMillis: dropped('the timeout of the function holds'),
  operationId: dropped('it documents an API of AWS'),
  documentation: dropped('it documents an API of AWS'),
};

const asEvents = 'send CloudEvents to the broker, and give the function a "trigger" event';
const eventTodos: Readonly<Record<string, string>> = {
  sqs: asEvents,
  sns: asEvents,
  stream: asEvents,
  s3: asEvents,
  kafka: asEvents,
  msk: asEvents,
  rabbitmq: asEvents,
  activemq: asEvents,
  alb: 'use an "httpApi" event',
  http: 'check the caller in the function, and declare the event without what is named',
  httpApi: 'check the caller in the function, and declare the event without what is named',
  websocket: 'serve the WebSocket from a container: handler: path/to/Dockerfile',
};

function judgeResource(node: unknown): Verdict {
  const type = isMap(node) ? String(node.get('Type') ?? '') : '';
  const known = resourceVerdicts[type];
  if (known) return known;
  const group = resourceGroupVerdicts.find(([prefix]) => type.startsWith(prefix));
  return group?.[1] ?? otherResource;
}

function readResources(document: Document): Resources {
  const found = new Map<string, { type: string; properties: Record<string, unknown> }>();
  const node = document.get('resources', true) as unknown;
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

/** A list of functions is merged as the framework does it. */
function functionsOf(value: unknown): MigratedConfig['functions'] {
  const parts = Array.isArray(value) ? (value as unknown[]) : [value];
  const objects = parts.filter((part) => typeof part === 'object' && part !== null);
  return Object.assign({}, ...objects) as MigratedConfig['functions'];
}

const pairsOf = (node: { items: Pair[] }): readonly Pair[] => [...node.items];

const keyOf = ({ key }: Pair): string => String(isScalar(key) ? key.value : key);

const negated = (pattern: string): string =>
  pattern.startsWith('!') ? pattern.slice(1) : `!${pattern}`;

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
