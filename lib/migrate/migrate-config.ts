/**
 * An AWS configuration to a knative one: walks the document once, gives every setting a verdict, and
 * edits the same document, so that comments and order stay. Reads no files and knows no handlers: that
 * is migrate-service.ts. Pure.
 */
import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type Scalar } from 'yaml';
import { awsOnlyFunctionSettings } from '../config/function-schema.ts';
import { awsOnlyProviderSettings } from '../config/provider-schema.ts';
import { UserError } from '../user-error.ts';
import { ConfigDraft, keyOf, pairsOf, type Path } from './config-draft.ts';
import { eventOptionVerdicts, judgeEvent } from './judge-event.ts';
import { mapRuntime } from './map-runtime.ts';
import {
  judgeResource,
  otherPlugin,
  pluginVerdicts,
  topLevelVerdicts,
} from './settings-catalog.ts';
import { dropped, manual, mapped, type ReportedSetting, SAME } from './setting.ts';

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

class Migration extends ConfigDraft {
  run(): void {
    for (const pair of this.pairsAt([])) this.topLevel(pair);
    this.applyEdits();
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
    this.later(() => this.document.setIn(['service'], name));
  }

  private provider(path: Path, pair: Pair): void {
    if (isScalar(pair.value) && pair.value.value === 'aws') {
      this.verdict(path, pair, mapped('the provider is knative'));
      this.later(() => this.document.setIn(path, { name: 'knative' }));
      return;
    }
    if (!isMap(pair.value)) return this.elsewhere(path, pair);
    for (const inner of this.pairsAt(path)) {
      const name = keyOf(inner);
      const at = [...path, name];
      if (name === 'name') {
        this.verdict(at, inner, mapped('the provider is knative'));
        this.later(() => this.document.setIn(at, 'knative'));
      } else if (name === 'runtime') this.runtime(at, inner);
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
    if (runtime !== asked) this.later(() => this.document.setIn(path, runtime));
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
    this.later(() => this.document.setIn(path, TIMEOUT_SECONDS_MAX));
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
    this.later(() => {
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
      if (verdict && name.startsWith('http'))
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
    this.later(() => {
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
      this.later(() => {
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
            this.verdict(
              [...at, name, keyOf(resource)],
              resource,
              judgeResource(typeOf(resource.value)),
            );
      }
    });
    this.remove(path);
  }

  private addPlugin(): void {
    const existing = this.document.get('plugins', true);
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
}

const typeOf = (node: unknown): string => (isMap(node) ? String(node.get('Type') ?? '') : '');

/** A list of functions is merged as the framework does it. */
function functionsOf(value: unknown): MigratedConfig['functions'] {
  const parts = Array.isArray(value) ? (value as unknown[]) : [value];
  const objects = parts.filter((part) => typeof part === 'object' && part !== null);
  return Object.assign({}, ...objects) as MigratedConfig['functions'];
}

const negated = (pattern: string): string =>
  pattern.startsWith('!') ? pattern.slice(1) : `!${pattern}`;
