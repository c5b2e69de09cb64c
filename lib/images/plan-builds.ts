/** Which images a package needs, and the TaskRun of each. Pure. */
import { createHash } from 'node:crypto';
import { localRegistry } from '../../runtime/apis/knit.ts';
import { apiVersionOf } from '../../runtime/apis/meta/object.ts';
import {
  makeDockerfileTaskSpec,
  makeFunctionTaskSpec,
  sourceWorkspace,
} from '../../runtime/apis/tekton/function-task.ts';
import {
  taskRunKind,
  type Param,
  type TaskRun,
  type TaskSpec,
} from '../../runtime/apis/tekton/types.ts';
import { childName } from '../../runtime/apis/meta/child-name.ts';
import { ownLabels } from '../compile/object-labels.ts';
import { toObjectName } from '../config/function-name.ts';
import type { ServiceModel } from '../config/service-model.ts';
import type { Artifact, PackageManifest } from '../package/manifest.ts';

/** Claim of the namespace whose volume receives the archives. */
export const SOURCE_CLAIM = 'knit-source';
export const inputDigestLabel = 'knit.dev/input-digest';
/** A label value holds 63 characters; 160 bits tell any two inputs apart. */
const INPUT_DIGEST_LENGTH = 40;

export interface Build {
  /** Of everything that decides the image: archive, base, parameters, the task itself. */
  readonly inputDigest: string;
  readonly artifact: Artifact;
  /** Functions that run the image. */
  readonly functionKeys: readonly string[];
  readonly taskSpec: TaskSpec;
  readonly params: readonly Param[];
}

/** One build per archive and base image, however many functions share it. */
export function planBuilds(manifest: Omit<PackageManifest, 'version'>): readonly Build[] {
  const { model } = manifest;
  const artifacts = new Map(manifest.artifacts.map((artifact) => [artifact.name, artifact]));
  const builds = new Map<string, Build>();
  for (const fn of model.functions) {
    const { source } = fn;
    if (source.type === 'image') continue;
    const artifact = artifacts.get(manifest.artifactOf[fn.key] ?? '');
    if (!artifact) throw new Error(`the package has no archive for function "${fn.key}"`);
    const build =
      source.type === 'handler'
        ? makeFunctionBuild(model, artifact, source.runtime)
        : makeDockerfileBuild(model, artifact, source.buildArgs);
    const known = builds.get(build.inputDigest);
    builds.set(build.inputDigest, {
      ...build,
      functionKeys: [...(known?.functionKeys ?? []), fn.key],
    });
  }
  return [...builds.values()];
}

/** @param attempt from 1: a TaskRun that failed keeps its name, and the next one gets another. */
export function makeTaskRun(model: ServiceModel, build: Build, attempt: number): TaskRun {
  const base = `build-${toObjectName(build.artifact.name)}`;
  const digest = build.inputDigest.slice(0, 12);
  return {
    apiVersion: apiVersionOf(taskRunKind),
    kind: taskRunKind.kind,
    metadata: {
      name: childName(base, `-${digest}${attempt === 1 ? '' : `-${attempt}`}`),
      namespace: model.namespace,
      labels: { ...ownLabels(model), [inputDigestLabel]: build.inputDigest },
    },
    spec: {
      taskSpec: build.taskSpec,
      params: [...build.params],
      workspaces: [{ name: sourceWorkspace, persistentVolumeClaim: { claimName: SOURCE_CLAIM } }],
    },
  };
}

type UnassignedBuild = Omit<Build, 'functionKeys'>;

function makeFunctionBuild(
  model: ServiceModel,
  artifact: Artifact,
  runtime: string,
): UnassignedBuild {
  return finish(artifact, makeFunctionTaskSpec(), [
    { name: 'IMAGE', value: `${localRegistry}/${model.namespace}/${artifact.name}-${runtime}` },
    { name: 'BASE_IMAGE', value: `${localRegistry}/${runtime}` },
    { name: 'ARCHIVE', value: archiveName(artifact) },
  ]);
}

function makeDockerfileBuild(
  model: ServiceModel,
  artifact: Artifact,
  buildArgs: Readonly<Record<string, string>>,
): UnassignedBuild {
  return finish(artifact, makeDockerfileTaskSpec(), [
    { name: 'IMAGE', value: `${localRegistry}/${model.namespace}/${artifact.name}` },
    { name: 'CONTEXT_ARCHIVE', value: archiveName(artifact) },
    { name: 'DOCKERFILE', value: artifact.dockerfile ?? 'Dockerfile' },
    {
      name: 'BUILD_ARGS',
      value: Object.entries(buildArgs)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => `${name}=${value}`),
    },
  ]);
}

/** Name of the archive in the source volume. */
export const archiveName = (artifact: Artifact): string => `${artifact.digest}.tar`;

function finish(artifact: Artifact, taskSpec: TaskSpec, params: readonly Param[]): UnassignedBuild {
  const inputDigest = createHash('sha256')
    .update(JSON.stringify([artifact.digest, taskSpec, params]))
    .digest('hex')
    .slice(0, INPUT_DIGEST_LENGTH);
  return { inputDigest, artifact, taskSpec, params };
}
