/**
 * What a function is made from: a handler in the package, an image, or a Dockerfile. The old
 * plugin's meanings of `handler` hold: with a colon it is an image, and a path whose name contains
 * `ockerfile` is a Dockerfile. Pure.
 */
import path from 'node:path';
import { UserError } from '../user-error.ts';
import { chooseRuntime, DEFAULT_RUNTIME } from './runtime-catalog.ts';
import type { FunctionSource } from './service-model.ts';

interface RawImage {
  name?: string;
  uri?: string;
  path?: string;
  file?: string;
  command?: string | string[];
  entryPoint?: string | string[];
  workingDirectory?: string;
  buildArgs?: Record<string, unknown>;
}

/** @throws {UserError} naming the function. */
export function parseSource(
  key: string,
  raw: Readonly<Record<string, unknown>>,
  context: { provider: Readonly<Record<string, unknown>>; warnings: string[] },
): FunctionSource {
  const handler = raw['handler'] as string | undefined;
  const image = raw['image'] as string | RawImage | undefined;
  if (image !== undefined) {
    if (handler !== undefined)
      throw new UserError(
        `functions.${key} has both "handler" and "image". Keep the one that it is made from.`,
        'KNIT_AMBIGUOUS_SOURCE',
      );
    return parseImage(key, image, context.provider);
  }
  if (handler === undefined)
    throw new UserError(
      `functions.${key} has neither "handler" nor "image". Add "handler: src/${key}.handler", an ` +
        'image, or the path of a Dockerfile.',
      'KNIT_NO_SOURCE',
    );
  if (handler.includes(':')) return { type: 'image', image: handler };
  if (isDockerfile(handler))
    return makeDockerfile(key, handler, {
      context: raw['context'] as string | undefined,
      buildArgs: raw['buildArgs'] as Record<string, unknown> | undefined,
    });
  const asked = (raw['runtime'] ?? context.provider['runtime'] ?? DEFAULT_RUNTIME) as string;
  const { runtime, warning } = chooseRuntime(asked, `functions.${key}`);
  if (warning !== undefined) context.warnings.push(warning);
  return { type: 'handler', handler, runtime };
}

/** Whether the last part of a path names a Dockerfile: `Dockerfile`, `hello.dockerfile`. */
export const isDockerfile = (handler: string): boolean =>
  path.posix.basename(handler).includes('ockerfile');

function parseImage(
  key: string,
  raw: string | RawImage,
  provider: Readonly<Record<string, unknown>>,
): FunctionSource {
  const settings: RawImage = typeof raw === 'string' ? { uri: raw } : raw;
  const { name } = settings;
  const ecr = (provider['ecr'] ?? {}) as { images?: Record<string, string | RawImage> };
  const known = name ?? (typeof raw === 'string' && ecr.images?.[raw] ? raw : undefined);
  if (known !== undefined) {
    const entry = ecr.images?.[known];
    if (!entry)
      throw new UserError(
        `functions.${key}.image.name is "${known}", which provider.ecr.images does not define.`,
        'KNIT_UNKNOWN_IMAGE',
      );
    const rest = typeof entry === 'string' ? { uri: entry } : entry;
    return parseImage(key, { ...settings, name: undefined, ...rest } as RawImage, {});
  }
  if (settings.path !== undefined)
    return makeDockerfile(key, path.posix.join(settings.path, settings.file ?? 'Dockerfile'), {
      context: settings.path,
      buildArgs: settings.buildArgs,
    });
  if (settings.uri === undefined)
    throw new UserError(
      `functions.${key}.image needs "uri" (an image reference), "path" (a directory with a ` +
        'Dockerfile) or "name" (of provider.ecr.images).',
      'KNIT_NO_SOURCE',
    );
  return {
    type: 'image',
    image: settings.uri,
    ...(settings.entryPoint === undefined ? {} : { command: words(settings.entryPoint) }),
    ...(settings.command === undefined ? {} : { args: words(settings.command) }),
    ...(settings.workingDirectory === undefined ? {} : { workingDir: settings.workingDirectory }),
  };
}

function makeDockerfile(
  key: string,
  dockerfile: string,
  options: { context: string | undefined; buildArgs: Record<string, unknown> | undefined },
): FunctionSource {
  const context = path.posix.normalize(options.context ?? '.');
  for (const part of [dockerfile, context])
    if (path.posix.isAbsolute(part) || path.posix.normalize(part).startsWith('..'))
      throw new UserError(
        `functions.${key}: "${part}" must be a path inside the service directory.`,
        'KNIT_PATH_OUTSIDE_SERVICE',
      );
  return {
    type: 'dockerfile',
    dockerfile: path.posix.normalize(dockerfile),
    context,
    buildArgs: Object.fromEntries(
      Object.entries(options.buildArgs ?? {}).map(([name, value]) => [name, String(value)]),
    ),
  };
}

const words = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? value.split(',').map((word) => word.trim()) : value;
