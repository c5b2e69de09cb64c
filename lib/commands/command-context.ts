/**
 * What every command gets: the host, the parsed service, and a way to the target. One per run; the
 * service is parsed once.
 */
import path from 'node:path';
import { makeConfigSource, type ConfigSource } from '../config/config-source.ts';
import { parseService, type ParsedService } from '../config/parse-service.ts';
import type { ServiceModel } from '../config/service-model.ts';
import type { CliOptions, Host, HostUtils } from '../host.ts';
import type { FileLists } from '../package/host-packaging.ts';
import type { Target } from '../target/target.ts';
import { messageOf, UserError } from '../user-error.ts';

export class CommandContext {
  readonly host: Host;
  readonly options: CliOptions;
  readonly utils: HostUtils;
  /** Our own instance among the host's plugins. */
  readonly plugin: object;
  /** Filled while the host packages. */
  fileLists: FileLists = new Map();
  private parsed: ParsedService | undefined;

  constructor(
    host: Host,
    options: CliOptions,
    { plugin, utils }: { plugin: object; utils: HostUtils },
  ) {
    this.host = host;
    this.plugin = plugin;
    this.options = options;
    this.utils = utils;
  }

  /** `--stage`, `provider.stage`, `dev`. */
  get stage(): string {
    const { stage } = this.host.service.provider as { stage?: string };
    return this.text('stage') ?? stage ?? 'dev';
  }

  get serviceDir(): string {
    return this.host.serviceDir ?? process.cwd();
  }

  /** Where the package is: `--package`, `package.path`, `.serverless`. */
  get packageDirectory(): string {
    const chosen = this.text('package') ?? this.host.service.package.path ?? '.serverless';
    return path.resolve(this.serviceDir, chosen);
  }

  /** @throws {UserError} for what is wrong in the configuration. */
  get service(): ParsedService {
    const { service } = this.host;
    const input = this.host.configurationInput ?? {};
    this.parsed ??= parseService({
      service: service.service,
      stage: this.stage,
      provider: service.provider,
      functions: service.functions,
      resources: input['resources'],
      layers: input['layers'],
    });
    return this.parsed;
  }

  get model(): ServiceModel {
    return this.service.model;
  }

  get configSource(): ConfigSource {
    return makeConfigSource(this.serviceDir, this.host.configurationFilename);
  }

  /** A string option; undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.options[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  }

  flag(name: string): boolean {
    return this.options[name] === true;
  }

  /** The function that `--function` names. @throws {UserError} naming those that exist. */
  requireFunction(model: ServiceModel = this.model): ServiceModel['functions'][number] {
    const key = this.text('function') ?? '';
    const fn = model.functions.find((candidate) => candidate.key === key);
    if (fn) return fn;
    const keys = model.functions.map((candidate) => candidate.key).join(', ') || 'none';
    throw new UserError(
      `There is no function "${key}" in this service. It has: ${keys}`,
      'KNIT_UNKNOWN_FUNCTION',
    );
  }

  /** Connects, runs, and says clearly when nobody answers. */
  async withTarget<T>(run: (target: Target) => Promise<T>, model = this.model): Promise<T> {
    const { connectTarget } = await import('../target/target.ts');
    const target = await connectTarget(model, process.env);
    try {
      return await run(target);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ApiUnreachable') throw error;
      throw new UserError(
        `The ${target.description} does not answer (${messageOf(error)}). ` +
          (model.target === 'local'
            ? 'Start it with: npx knit up'
            : 'Check the context with: kubectl version'),
        'KNIT_UNREACHABLE',
        { cause: error },
      );
    } finally {
      await target.close().catch(() => undefined);
    }
  }

  progress(text: string): void {
    this.utils.progress.get('main').notice(text);
  }
}
