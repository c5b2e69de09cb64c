/**
 * What Knit uses of the framework that hosts it (osls 4 or Serverless Framework 3.40), as types only.
 * Nothing of the host's own tree may be imported: the package has another name in each host.
 */

export interface HostLog {
  debug(...text: string[]): void;
  info(...text: string[]): void;
  notice: ((...text: string[]) => void) & { success(...text: string[]): void };
  warning(...text: string[]): void;
  error(...text: string[]): void;
}

export interface HostProgress {
  notice(text: string): void;
  update(text: string): void;
  remove(): void;
}

/** Third constructor argument of a plugin. Everything of `log` and `progress` goes to stderr. */
export interface HostUtils {
  readonly log: HostLog;
  readonly progress: { get(name: string): HostProgress };
  /** Data output: the only thing that may write to stdout. */
  writeText(text: string | readonly string[]): void;
}

export interface HostFunction {
  name?: string;
  handler?: string;
  image?: unknown;
  events?: unknown[];
  package?: { artifact?: string; disable?: boolean; individually?: boolean; patterns?: string[] };
  [key: string]: unknown;
}

export interface HostService {
  readonly service: string;
  readonly provider: Record<string, unknown> & { name: string };
  functions: Record<string, HostFunction>;
  package: { artifact?: string; individually?: boolean; path?: string; patterns?: string[] };
  artifact?: string;
  getAllFunctions(): string[];
  getFunction(key: string): HostFunction;
}

export interface HostSchemaHandler {
  readonly schema: { properties: Record<string, unknown> };
  defineProvider(name: string, parts: Record<string, unknown>): void;
  defineTopLevelProperty(name: string, schema: unknown): void;
  validateConfig(config: unknown): Promise<void>;
}

export type HookFunction = () => Promise<void> | void;

export interface Host {
  readonly serviceDir?: string;
  readonly configurationFilename?: string;
  readonly configurationInput?: Record<string, unknown>;
  readonly service: HostService;
  readonly version: string;
  readonly configSchemaHandler: HostSchemaHandler;
  readonly processedInput?: { readonly commands: readonly string[] };
  readonly pluginManager: {
    readonly plugins: readonly object[];
    /** Those of the service, not the host's own. */
    readonly externalPlugins: ReadonlySet<object>;
    readonly hooks: Record<string, { pluginName: string; hook: HookFunction }[]>;
    spawn(command: string): Promise<void>;
  };
  setProvider(name: string, provider: unknown): void;
}

/** Options of the command line; every value is a string, a boolean or a list of strings. */
export type CliOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** An option as plugins declare them. The hosts refuse an option without a type. */
export interface CommandOption {
  readonly usage: string;
  readonly type: 'string' | 'boolean' | 'multiple';
  readonly shortcut?: string;
  readonly required?: boolean;
}

export interface CommandDefinition {
  readonly usage?: string;
  readonly type?: 'container' | 'entrypoint';
  readonly lifecycleEvents?: readonly string[];
  readonly options?: Readonly<Record<string, CommandOption>>;
  readonly commands?: Readonly<Record<string, CommandDefinition>>;
}
