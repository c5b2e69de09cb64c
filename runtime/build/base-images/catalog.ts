/**
 * The base images that Knit assembles: what each runs, and the configuration that every image built
 * on it inherits. Pure data; assemble-base-image.ts makes them.
 */
import { localRegistry } from '../../apis/knit.ts';

export interface BaseImage {
  /** As in the image name, e.g. `nodejs22.x`. */
  readonly name: string;
  readonly language: 'node' | 'python' | 'provided';
  /** Major version of Node.js; undefined takes the machine's. */
  readonly nodeMajor?: number;
  /** Folders of the function servers that it needs under /var/runtime. */
  readonly servers: readonly ('node' | 'python' | 'custom')[];
}

/** OCI image configuration, as far as it is ours to choose. */
export interface ImageConfig {
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly Labels: Readonly<Record<string, string>>;
}

const node = (major: number): BaseImage => ({
  name: `nodejs${major}.x`,
  language: 'node',
  nodeMajor: major,
  servers: ['node'],
});

export const baseImages: readonly BaseImage[] = [
  node(20),
  node(22),
  node(24),
  { name: 'python3', language: 'python', servers: ['python'] },
  // The custom server is a Node.js program that shares the payload code of the Node.js server.
  { name: 'provided', language: 'provided', servers: ['node', 'custom'] },
];

/** Full name of a base image. */
export const baseImageRef = (name: string): string => `${localRegistry}/${name}`;

/** Finds `knit.local/<name>`, with or without a tag. Undefined for every other reference. */
export function findBaseImage(reference: string): BaseImage | undefined {
  const name = /^knit\.local\/([\w.-]+)(?::[\w.-]+)?$/.exec(reference)?.[1];
  return baseImages.find((image) => image.name === name);
}

/** Every base image that a text such as a Dockerfile names. */
export function findBaseImagesIn(text: string): BaseImage[] {
  const found = [...text.matchAll(/\bknit\.local\/([\w.-]+)(?![\w./-])/g)].map(([, name]) =>
    baseImages.find((image) => image.name === name),
  );
  return [...new Set(found)].filter((image): image is BaseImage => image !== undefined);
}

export function makeImageConfig(image: BaseImage): ImageConfig {
  const entrypoint = {
    node: ['node', '/var/runtime/node/server.mjs'],
    python: ['python3', '-u', '/var/runtime/python/server.py'],
    provided: ['node', '/var/runtime/custom/server.mjs'],
  }[image.language];
  return {
    Env: [
      'PATH=/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'LANG=C.UTF-8',
      'TZ=:UTC',
      'LAMBDA_TASK_ROOT=/var/task',
      'LAMBDA_RUNTIME_DIR=/var/runtime',
      `AWS_EXECUTION_ENV=AWS_Lambda_${image.name}`,
      ...(image.language === 'node'
        ? [
            `NODE_PATH=/opt/nodejs/node${image.nodeMajor ?? ''}/node_modules:/opt/nodejs/node_modules`,
          ]
        : []),
      ...(image.language === 'python' ? ['PYTHONPATH=/var/task:/opt/python'] : []),
    ],
    Entrypoint: entrypoint,
    WorkingDir: '/var/task',
    Labels: { 'knit.dev/runtime': image.name },
  };
}
