/**
 * The two Tasks that turn an archive into an image: `function` (one layer with the code on a base
 * image) and `dockerfile`. Each is one step that runs buildah, so the same Task works on a Tekton
 * cluster with another step image; parameters reach the script as environment, never as text in it.
 * Pure: the plugin creates TaskRuns with these specs, the build room runs them.
 */
import { buildahImage } from '../knit.ts';
import type { EnvVar } from '../core/types.ts';
import type { TaskSpec } from './types.ts';

/** Name of the function Task's only step; the process driver's builder recognises the Task by it. */
export const functionStepName = 'build-function';
/** Name of the Dockerfile Task's only step. */
export const dockerfileStepName = 'build-dockerfile';
/** Workspace of both Tasks that holds the archive. */
export const sourceWorkspace = 'source';

export interface BuildTaskOptions {
  /** What the step runs in. @default knit.local/buildah: this machine's buildah. */
  readonly stepImage?: string;
}

/**
 * A function's image: the tar `ARCHIVE` of workspace `source` becomes the layer `/var/task` on
 * `BASE_IMAGE`. Same base and same archive give the same digest.
 *
 * Params: `IMAGE` (name without tag or digest), `BASE_IMAGE`, `ARCHIVE` (path inside `source`),
 * `CONFIG` (array, each element one word: `--env=NAME=value` or `--label=name=value`), `PUSH`
 * (`true` pushes to the registry of `IMAGE`). Results: `IMAGE_URL`, `IMAGE_DIGEST` (`sha256:...`);
 * pods use `<IMAGE_URL>@<IMAGE_DIGEST>`.
 */
export function makeFunctionTaskSpec(options: BuildTaskOptions = {}): TaskSpec {
  return {
    description: 'Puts the archive of a function on a base image as one layer.',
    params: [
      { name: 'IMAGE', type: 'string', description: 'Name of the image, without tag or digest' },
      { name: 'BASE_IMAGE', type: 'string', description: 'Image that holds the function server' },
      { name: 'ARCHIVE', type: 'string', description: 'Tar with the code, inside the workspace' },
      {
        name: 'CONFIG',
        type: 'array',
        description: 'Options of buildah config, one word each, e.g. --env=A=1',
        default: [],
      },
      { name: 'PUSH', type: 'string', description: 'true: push to the registry', default: 'false' },
    ],
    workspaces: [{ name: sourceWorkspace, description: 'Holds ARCHIVE' }],
    results: imageResults(),
    steps: [
      {
        name: functionStepName,
        image: options.stepImage ?? buildahImage,
        env: [
          param('IMAGE'),
          param('BASE_IMAGE'),
          param('ARCHIVE'),
          param('PUSH'),
          ...imageResultPaths(),
        ],
        args: ['$(params.CONFIG[*])'],
        script: functionScript,
      },
    ],
  };
}

/**
 * An image by Dockerfile: `CONTEXT_ARCHIVE` of workspace `source` is the build context, `DOCKERFILE`
 * a path inside it, `BUILD_ARGS` an array of `NAME=value`. Results as for the function Task.
 */
export function makeDockerfileTaskSpec(options: BuildTaskOptions = {}): TaskSpec {
  return {
    description: 'Builds a Dockerfile.',
    params: [
      { name: 'IMAGE', type: 'string', description: 'Name of the image, without tag or digest' },
      { name: 'CONTEXT_ARCHIVE', type: 'string', description: 'Tar with the build context' },
      { name: 'DOCKERFILE', type: 'string', default: 'Dockerfile' },
      { name: 'BUILD_ARGS', type: 'array', description: 'NAME=value', default: [] },
      { name: 'PUSH', type: 'string', description: 'true: push to the registry', default: 'false' },
    ],
    workspaces: [{ name: sourceWorkspace, description: 'Holds CONTEXT_ARCHIVE' }],
    results: imageResults(),
    steps: [
      {
        name: dockerfileStepName,
        image: options.stepImage ?? buildahImage,
        env: [
          param('IMAGE'),
          param('CONTEXT_ARCHIVE'),
          param('DOCKERFILE'),
          param('PUSH'),
          ...imageResultPaths(),
        ],
        args: ['$(params.BUILD_ARGS[*])'],
        script: dockerfileScript,
      },
    ],
  };
}

const param = (name: string): EnvVar => ({ name, value: `$(params.${name})` });

const imageResults = (): NonNullable<TaskSpec['results']> => [
  { name: 'IMAGE_URL', description: 'Name of the image' },
  { name: 'IMAGE_DIGEST', description: 'Digest of its manifest' },
];

const imageResultPaths = (): EnvVar[] => [
  { name: 'SOURCE', value: `$(workspaces.${sourceWorkspace}.path)` },
  { name: 'IMAGE_URL_PATH', value: '$(results.IMAGE_URL.path)' },
  { name: 'IMAGE_DIGEST_PATH', value: '$(results.IMAGE_DIGEST.path)' },
];

/*
 * Both scripts end alike: they find the digest, keep a tag by digest so that the image survives when
 * the next build takes over `latest`, and write results without a trailing newline, because result
 * files are read verbatim.
 */
const publishResults = `
if [ "$PUSH" = true ]; then
  digestFile=$(mktemp)
  buildah push --quiet --digestfile "$digestFile" "$IMAGE"
  digest=$(cat "$digestFile")
  rm -f "$digestFile"
else
  digest=$(buildah inspect --type image --format '{{.FromImageDigest}}' "$IMAGE")
  hex=\${digest#sha256:}
  buildah tag "$IMAGE" "$IMAGE:$(printf %.12s "$hex")"
fi
printf %s "$IMAGE" > "$IMAGE_URL_PATH"
printf %s "$digest" > "$IMAGE_DIGEST_PATH"
`;

const functionScript = `#!/bin/sh
set -eu
if [ ! -f "$SOURCE/$ARCHIVE" ]; then
  echo "the archive $ARCHIVE is missing in the workspace: package the function again" >&2
  exit 1
fi
container=$(buildah from --pull=false "$BASE_IMAGE")
trap 'buildah rm "$container" > /dev/null' EXIT
buildah add --quiet "$container" "$SOURCE/$ARCHIVE" /var/task > /dev/null
[ $# -eq 0 ] || buildah config "$@" "$container"
buildah commit --quiet --timestamp 0 "$container" "$IMAGE" > /dev/null
${publishResults}`;

const dockerfileScript = `#!/bin/sh
set -eu
if [ ! -f "$SOURCE/$CONTEXT_ARCHIVE" ]; then
  echo "the archive $CONTEXT_ARCHIVE is missing in the workspace: package the function again" >&2
  exit 1
fi
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
tar -xf "$SOURCE/$CONTEXT_ARCHIVE" -C "$context"
if [ ! -f "$context/$DOCKERFILE" ]; then
  echo "the build context has no file $DOCKERFILE" >&2
  exit 1
fi
for pair do
  set -- "$@" --build-arg "$pair"
  shift
done
buildah build --pull=false --layers --force-rm --timestamp 0 "$@" --file "$context/$DOCKERFILE" --tag "$IMAGE" "$context"
${publishResults}`;
