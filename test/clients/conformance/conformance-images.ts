/**
 * Puts the images that Knative's test programs deploy into a home's image store, as `ko` would have
 * built them: one static program over an almost empty base, run by an unprivileged user.
 */
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareBuildah } from '../../../runtime/build/buildah-environment.ts';
import { makeBuildPaths } from '../../../runtime/build/build-paths.ts';
import { run } from '../../e2e/harness.ts';

/** What the programs get as `--dockerrepo`. */
export const imageRepository = 'knit.local/conformance';
/** The user of distroless' and Chainguard's static base images. */
const NONROOT = 65532;

const containerfile = [
  'FROM scratch',
  'COPY root /',
  `USER ${NONROOT}:${NONROOT}`,
  'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/ko-app',
  'ENV KO_DATA_PATH=/var/run/ko',
  'WORKDIR /',
].join('\n');

/** @param entryPoints paths of programs by the name of their image. */
export async function loadConformanceImages(
  home: string,
  entryPoints: ReadonlyMap<string, string>,
): Promise<void> {
  const { env } = await prepareBuildah(makeBuildPaths(home), join(home, 'containers'));
  const folder = await mkdtemp(join(tmpdir(), 'knit-conformance-images-'));
  try {
    for (const [name, program] of entryPoints) {
      const context = join(folder, name);
      const root = join(context, 'root');
      for (const directory of ['etc', 'home/nonroot', 'ko-app', 'tmp', 'var/run/ko'])
        await mkdir(join(root, directory), { recursive: true });
      await chmod(join(root, 'tmp'), 0o1777);
      await writeFile(
        join(root, 'etc/passwd'),
        `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${NONROOT}:${NONROOT}:nonroot:/home/nonroot:/sbin/nologin\n`,
      );
      await writeFile(join(root, 'etc/group'), `root:x:0:\nnonroot:x:${NONROOT}:\n`);
      await copyFile(program, join(root, 'ko-app', name));
      await chmod(join(root, 'ko-app', name), 0o755);
      const file = join(context, 'Containerfile');
      await writeFile(file, `${containerfile}\nENTRYPOINT ["/ko-app/${name}"]\n`);
      const built = await run(
        'buildah',
        ['build', '--quiet', '-t', `${imageRepository}/${name}:latest`, '-f', file, context],
        { env },
      );
      if (built.code !== 0) throw new Error(`failed to build image ${name}: ${built.stderr}`);
      await rm(context, { recursive: true });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
