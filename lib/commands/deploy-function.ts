/** `sls deploy function -f F`: packages, builds and deploys one function; the others stay as they are. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { compileService } from '../compile/compile-service.ts';
import type { FunctionModel, ServiceModel } from '../config/service-model.ts';
import { deployRelease, readCurrentState } from '../deploy/deploy-release.ts';
import { resolveImages } from '../images/resolve-images.ts';
import { findZips, packageService } from '../package/package-service.ts';
import type { CommandContext } from './command-context.ts';
import { reportDeployment } from './deploy.ts';
import { notDeployed } from './info.ts';
import { prepareDirectory } from './package.ts';

/** `--update-config` changes settings only and builds nothing. */
export async function packageFunction(context: CommandContext): Promise<void> {
  const fn = context.requireFunction();
  if (fn.source.type !== 'handler' || context.flag('update-config')) return;
  // The host writes the archive's path into this object, and into a lost one where there is none.
  context.host.service.getFunction(fn.key).package ??= {};
  await prepareDirectory(context);
  await context.host.pluginManager.spawn('package:function');
}

export async function deployFunction(context: CommandContext): Promise<void> {
  const fn = context.requireFunction();
  const startedMs = Date.now();
  await context.withTarget(async (target) => {
    const current = await readCurrentState(target.client, context.model);
    const last = current.releases[0];
    if (!last) throw notDeployed(context.model);
    const model = withFunction(last.model, fn);
    const isConfigOnly = context.flag('update-config') && last.images[fn.key] !== undefined;
    const resolved = isConfigOnly
      ? { images: {}, builds: {}, builtCount: 0 }
      : await buildFunction(context, { fn, client: target.client, known: last.builds });
    const images = { ...last.images, ...resolved.images };
    const result = await deployRelease(
      target.client,
      {
        model,
        objects: compileService(model, images),
        images,
        builds: { ...last.builds, ...resolved.builds },
      },
      {
        current,
        nowMs: startedMs,
        isForced: false,
        onProgress: (text) => context.progress(text),
      },
    );
    await reportDeployment(context, {
      target,
      model,
      changed: result.plan.apply.length + result.plan.prune.length,
      builtCount: resolved.builtCount,
      startedMs,
    });
  });
}

/** The deployed service with this one function replaced or added. Pure. */
export function withFunction(model: ServiceModel, fn: FunctionModel): ServiceModel {
  const others = model.functions.filter(({ key }) => key !== fn.key);
  const index = model.functions.findIndex(({ key }) => key === fn.key);
  const functions = index < 0 ? [...others, fn] : model.functions.with(index, fn);
  return { ...model, functions };
}

async function buildFunction(
  context: CommandContext,
  input: {
    fn: FunctionModel;
    client: Parameters<typeof resolveImages>[0]['client'];
    known: Readonly<Record<string, string>>;
  },
): Promise<Awaited<ReturnType<typeof resolveImages>>> {
  // A directory of its own: the service's package must stay one that `deploy --package` can use.
  const directory = path.join(context.packageDirectory, 'function');
  try {
    const manifest = await packageService({
      model: { ...context.model, functions: [input.fn] },
      zips: findZips(context.host),
      fileLists: context.fileLists,
      serviceDir: context.serviceDir,
      directory,
      source: context.configSource,
    });
    return await resolveImages({
      client: input.client,
      manifest,
      packageDirectory: directory,
      known: input.known,
      isForced: context.flag('force'),
      onProgress: (text) => context.progress(text),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
