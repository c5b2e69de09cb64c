/** `sls deploy`: the package to a release on the target. */
import { compileService } from '../compile/compile-service.ts';
import {
  deployRelease,
  ensureNamespace,
  hasWork,
  readCurrentState,
  type CurrentState,
} from '../deploy/deploy-release.ts';
import { planRelease } from '../deploy/plan-release.ts';
import { planBuilds } from '../images/plan-builds.ts';
import { resolveImages } from '../images/resolve-images.ts';
import { readManifest, type PackageManifest } from '../package/manifest.ts';
import type { Target } from '../target/target.ts';
import type { CommandContext } from './command-context.ts';
import { describeService, formatDescription } from './describe-service.ts';

export async function deploy(context: CommandContext): Promise<void> {
  const manifest = await readManifest(context.packageDirectory);
  const { model } = manifest;
  const startedMs = Date.now();
  await context.withTarget(async (target) => {
    context.progress(`Comparing with what is deployed on ${target.description}`);
    const current = await readCurrentState(target.client, model);
    const known = Object.assign(
      {},
      ...current.releases.map(({ builds }) => builds).reverse(),
    ) as Record<string, string>;
    if (context.flag('dry-run')) {
      reportDryRun(context, { manifest, current, known });
      return;
    }
    await ensureNamespace(target.client, model);
    const resolved = await resolveImages({
      client: target.client,
      manifest,
      packageDirectory: context.packageDirectory,
      known,
      isForced: context.flag('force'),
      onProgress: (text) => context.progress(text),
    });
    const result = await deployRelease(
      target.client,
      { model, objects: compileService(model, resolved.images), ...resolved },
      {
        current,
        nowMs: startedMs,
        isForced: context.flag('force'),
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
  }, model);
}

/** Shared by the commands that deploy: one line, then where everything is. */
export async function reportDeployment(
  context: CommandContext,
  result: {
    target: Target;
    model: PackageManifest['model'];
    changed: number;
    builtCount: number;
    startedMs: number;
  },
): Promise<void> {
  const { log } = context.utils;
  const seconds = ((Date.now() - result.startedMs) / 1000).toFixed(1);
  const { model } = result;
  const built = result.builtCount === 1 ? '1 image' : `${result.builtCount} images`;
  log.notice.success(
    result.changed === 0 && result.builtCount === 0
      ? `Nothing changed in service ${model.service}, stage ${model.stage} (${seconds}s)`
      : `Service ${model.service} deployed to stage ${model.stage}: ${result.changed} objects changed, ${built} built (${seconds}s)`,
  );
  const description = await describeService(result.target, model);
  log.notice(formatDescription(description));
}

function reportDryRun(
  context: CommandContext,
  input: {
    manifest: PackageManifest;
    current: CurrentState;
    known: Readonly<Record<string, string>>;
  },
): void {
  const { manifest, current, known } = input;
  const { model } = manifest;
  const images: Record<string, string> = {};
  const lines: string[] = [];
  for (const fn of model.functions)
    if (fn.source.type === 'image') images[fn.key] = fn.source.image;
  for (const build of planBuilds(manifest)) {
    const image = known[build.inputDigest];
    if (image === undefined) lines.push(`build   image of ${build.functionKeys.join(', ')}`);
    for (const key of build.functionKeys) images[key] = image ?? `to-be-built:${build.inputDigest}`;
  }
  const plan = planRelease({
    model,
    releaseId: 'dry-run',
    desired: compileService(model, images),
    live: current.live,
    applied: current.releases[0]?.applied ?? {},
  });
  for (const { kind, metadata } of plan.apply) lines.push(`apply   ${kind} ${metadata.name}`);
  for (const { kind, metadata } of plan.prune) lines.push(`delete  ${kind} ${metadata.name}`);
  context.utils.writeText(hasWork(plan) || lines.length > 0 ? lines : ['nothing to do']);
}
