/**
 * Builds Knative Serving's own conformance and end-to-end programs, and the images that they deploy,
 * from the Go module proxy. What is built already is not built again. None of their text is kept in
 * this repository.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { clientsCache, runGo } from '../clients-cache.ts';

export const SERVING_MODULE = 'knative.dev/serving';
/** The newest version whose dependencies the module proxy serves all of. */
export const SERVING_VERSION = '0.47.0';

/** Data by the name of a ConfigMap of knative-serving. */
export type Settings = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface TestProgram {
  readonly package: string;
  /** What upstream's script sets while the program runs. */
  readonly settings?: Settings;
}

const features = (...names: string[]): Settings => ({
  'config-features': Object.fromEntries(names.map((name) => [name, 'Enabled'])),
});

/** Test programs by the name they are called by here. */
export const programs = {
  api: { package: 'test/conformance/api/v1' },
  'api-v1beta1': { package: 'test/conformance/api/v1beta1' },
  runtime: { package: 'test/conformance/runtime' },
  e2e: { package: 'test/e2e' },
  domainmapping: {
    package: 'test/e2e/domainmapping',
    settings: { 'config-network': { 'autocreate-cluster-domain-claims': 'true' } },
  },
  gc: {
    package: 'test/e2e/gc',
    settings: {
      'config-gc': {
        'retain-since-create-time': 'disabled',
        'retain-since-last-active-time': 'disabled',
        'min-non-active-revisions': '0',
        'max-non-active-revisions': '0',
      },
    },
  },
  initcontainers: {
    package: 'test/e2e/initcontainers',
    settings: features('kubernetes.podspec-init-containers'),
  },
  initscale: {
    package: 'test/e2e/initscale',
    settings: { 'config-autoscaler': { 'allow-zero-initial-scale': 'true' } },
  },
  multicontainerprobing: {
    package: 'test/e2e/multicontainerprobing',
    settings: features('multi-container-probing'),
  },
  pvc: {
    package: 'test/e2e/pvc',
    settings: features(
      'kubernetes.podspec-persistent-volume-claim',
      'kubernetes.podspec-persistent-volume-write',
      'kubernetes.podspec-securitycontext',
    ),
  },
  securedefaults: {
    package: 'test/e2e/securedefaults',
    settings: features('secure-pod-defaults'),
  },
  tagheader: { package: 'test/e2e/tagheader', settings: features('tag-header-based-routing') },
} as const satisfies Readonly<Record<string, TestProgram>>;
export type ProgramName = keyof typeof programs;

/** Images by name, with their package below `test/test_images`. */
export const images: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      'autoscale',
      'configmimic',
      'failing',
      'grpc-ping',
      'hellohttp2',
      'hellovolume',
      'helloworld',
      'httpproxy',
      'pizzaplanetv1',
      'pizzaplanetv2',
      'readiness',
      'runtime',
      'singlethreaded',
      'slowstart',
      'timeout',
      'volumes',
      'wsserver',
    ].map((name) => [name, name]),
  ),
  servingcontainer: 'multicontainer/servingcontainer',
  sidecarcontainer: 'multicontainer/sidecarcontainer',
};

const moduleFolder = (): string => join(clientsCache(), `serving-${SERVING_VERSION}`);

/** @returns the path of a test program. @throws when there is no Go toolchain or the build fails. */
export const buildProgram = (
  name: ProgramName,
  onProgress: (line: string) => void,
): Promise<string> =>
  build(
    join(moduleFolder(), 'programs', name),
    ['test', '-c', '-tags=e2e'],
    programs[name].package,
    onProgress,
  );

/** @returns the path of the program that is an image's entry point. @throws as buildProgram does. */
export const buildImageProgram = (
  name: string,
  onProgress: (line: string) => void,
): Promise<string> =>
  build(
    join(moduleFolder(), 'images', name),
    ['build', '-trimpath', '-ldflags=-s -w'],
    `test/test_images/${images[name]}`,
    onProgress,
  );

async function build(
  path: string,
  command: readonly string[],
  directory: string,
  onProgress: (line: string) => void,
): Promise<string> {
  if (existsSync(path)) return path;
  onProgress(`building ${directory}`);
  await mkdir(dirname(path), { recursive: true });
  const goMod = join(moduleFolder(), 'go.mod');
  if (!existsSync(goMod))
    await writeFile(
      goMod,
      `module knit.local/conformance\n\ngo 1.24.0\n\nrequire ${SERVING_MODULE} v${SERVING_VERSION}\n`,
    );
  await runGo(
    [...command, '-o', `${path}.partial`, `${SERVING_MODULE}/${directory}`],
    moduleFolder(),
  );
  await rename(`${path}.partial`, path);
  return path;
}
