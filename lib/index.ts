/**
 * The plugin as the hosts load it: registers the provider, the configuration schema, commands and
 * hooks. No logic: each hook imports its command when it runs, so that `sls --help` loads none.
 */
import { commandDefinitions, migrateDefinition } from './command-definitions.ts';
import { CommandContext } from './commands/command-context.ts';
import { eventCatalog } from './config/events/event-catalog.ts';
import { functionProperties } from './config/function-schema.ts';
import { locateSchemaErrors } from './config/locate-schema-errors.ts';
import {
  layersSchema,
  providerProperties,
  resourcesSchema,
  topLevelProperties,
} from './config/provider-schema.ts';
import type { CliOptions, HookFunction, Host, HostUtils } from './host.ts';

const PROVIDER = 'knative';

export default class ServerlessKnative {
  static getProviderName(): string {
    return PROVIDER;
  }

  /** The host leaves out plugins of other providers by this property; a provider plugin is its own. */
  readonly provider: object | undefined;
  readonly commands: typeof commandDefinitions;
  readonly hooks: Readonly<Record<string, HookFunction>>;
  /** Undefined beside AWS's provider, which has the sources of these names itself. */
  readonly configurationVariablesSources: Readonly<Record<string, object>> | undefined;
  private readonly context: CommandContext;

  constructor(host: Host, options: CliOptions, utils: HostUtils) {
    this.context = new CommandContext(host, options, { plugin: this, utils });
    host.setProvider(PROVIDER, this);
    const migrate = {
      'migrate:migrate': async () =>
        (await import('./commands/migrate.ts')).migrate(host, options, utils),
    };
    if (!isOurs(host)) {
      // Listed in a configuration of AWS's: it must not touch what AWS's commands do.
      this.commands = { migrate: migrateDefinition() };
      this.provider = undefined;
      this.hooks = migrate;
      this.configurationVariablesSources = undefined;
      return;
    }
    this.provider = this;
    this.commands = commandDefinitions;
    this.configurationVariablesSources = { aws: { resolve: resolveAwsVariable } };
    defineSchema(host);
    locateSchemaErrors(host);
    this.hooks = { ...makeHooks(this.context), ...migrate };
    // Not among `hooks`: a hook there would make the host adopt its own `logs`, which needs --function.
    (host.pluginManager.hooks['logs:logs'] ??= []).push({
      pluginName: ServerlessKnative.name,
      hook: async () => (await import('./commands/logs.ts')).logs(this.context),
    });
  }

  /** Other plugins ask the provider. */
  getStage(): string {
    return this.context.stage;
  }

  getRegion(): string {
    return String(this.context.host.service.provider['region'] ?? 'us-east-1');
  }
}

/** Outside a service too, so that `sls help` shows the commands. */
function isOurs({ configurationInput }: Host): boolean {
  const provider = configurationInput?.['provider'];
  if (provider === undefined) return true;
  const name = typeof provider === 'string' ? provider : (provider as { name?: unknown }).name;
  return name === PROVIDER;
}

/** Commands that read the whole service and so say what has no effect in it. */
const DEPLOYING = new Set(['package', 'deploy']);

function makeHooks(context: CommandContext): Record<string, HookFunction> {
  return {
    initialize: async () => {
      const [command, sub] = context.host.processedInput?.commands ?? [];
      if (command !== undefined && DEPLOYING.has(command) && sub !== 'list')
        (await import('./commands/package.ts')).prepareService(context);
    },
    'package:cleanup': async () =>
      (await import('./commands/package.ts')).prepareDirectory(context),
    'package:finalize': async () => {
      const { finishPackage, reportPackage } = await import('./commands/package.ts');
      await finishPackage(context);
      reportPackage(context);
    },
    'deploy:deploy': async () => (await import('./commands/deploy.ts')).deploy(context),
    'deploy:function:packageFunction': async () =>
      (await import('./commands/deploy-function.ts')).packageFunction(context),
    'deploy:function:deploy': async () =>
      (await import('./commands/deploy-function.ts')).deployFunction(context),
    'deploy:list:log': async () =>
      (await import('./commands/deploy-list.ts')).listDeployments(context),
    'deploy:list:functions:log': async () =>
      (await import('./commands/deploy-list.ts')).listFunctions(context),
    'info:info': async () => (await import('./commands/info.ts')).info(context),
    'invoke:invoke': async () => (await import('./commands/invoke.ts')).invoke(context),
    'invoke:local:invoke': async () =>
      (await import('./commands/invoke-local.ts')).invokeLocal(context),
    'remove:remove': async () => (await import('./commands/remove.ts')).remove(context),
    'rollback:rollback': async () => (await import('./commands/rollback.ts')).rollback(context),
  };
}

function defineSchema(host: Host): void {
  const handler = host.configSchemaHandler;
  handler.defineProvider(PROVIDER, {
    provider: { properties: providerProperties },
    function: { properties: functionProperties },
    functionEvents: Object.fromEntries(
      Object.entries(eventCatalog).map(([name, { schema }]) => [name, schema]),
    ),
    layers: layersSchema,
    resources: resourcesSchema,
  });
  for (const [name, schema] of Object.entries(topLevelProperties))
    // v3 owns some of them itself, and refuses a second definition.
    if (!(name in handler.schema.properties)) handler.defineTopLevelProperty(name, schema);
}

/** `${aws:region}` and `${aws:accountId}` as functions see them; they name no real account. */
function resolveAwsVariable({ address }: { address?: string }): { value: string | null } {
  if (address === 'region') return { value: 'us-east-1' };
  if (address === 'accountId') return { value: '000000000000' };
  return { value: null };
}
