/** `sls package`: what happens before and after the host makes its zips. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { adaptPackaging } from '../package/host-packaging.ts';
import { adaptNeighbourPlugins } from '../package/neighbour-plugins.ts';
import { findZips, packageService } from '../package/package-service.ts';
import type { CommandContext } from './command-context.ts';

/** Says what has no effect, and keeps the host from packaging what are containers. */
export function prepareService(context: CommandContext): void {
  const { model, warnings } = context.service;
  for (const warning of warnings) context.utils.log.warning(warning);
  for (const option of ['region', 'aws-profile'])
    if (context.text(option) !== undefined)
      context.utils.log.notice(`--${option} has no effect with provider knative`);
  for (const fn of model.functions) {
    if (fn.source.type === 'handler') continue;
    const raw = context.host.service.getFunction(fn.key);
    raw.package = { ...raw.package, disable: true };
  }
  adaptNeighbourPlugins(context.host);
  context.fileLists = adaptPackaging(context.host, context.plugin);
}

/** The host zips into `.serverless` and does not make it. */
export async function prepareDirectory(context: CommandContext): Promise<void> {
  await mkdir(path.join(context.serviceDir, '.serverless'), { recursive: true });
}

export async function finishPackage(context: CommandContext): Promise<void> {
  await packageService({
    model: context.model,
    zips: findZips(context.host),
    fileLists: context.fileLists,
    serviceDir: context.serviceDir,
    directory: context.packageDirectory,
    source: context.configSource,
  });
}

/** What `sls package` itself says; a deployment that packages says its own. */
export function reportPackage(context: CommandContext): void {
  if (context.host.processedInput?.commands[0] !== 'package') return;
  context.utils.log.notice.success(`Service packaged in ${context.packageDirectory}`);
}
