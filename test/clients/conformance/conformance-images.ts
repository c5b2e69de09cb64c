/**
 * Puts the images that Knative's test programs deploy into a home's image store, as `ko` would have
 * built them: one static program over an almost empty base, run by an unprivileged user.
 */
import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadImages, type NewImage } from '../image-loader.ts';

/** What the programs get as `--dockerrepo`. */
export const imageRepository = 'knit.local/conformance';
/** The user of distroless' and Chainguard's static base images. */
const NONROOT = 65532;

/** @param entryPoints paths of programs by the name of their image. */
export const loadConformanceImages = (
  home: string,
  entryPoints: ReadonlyMap<string, string>,
): Promise<void> =>
  loadImages(
    home,
    [...entryPoints].map(([name, program]) => makeImage(name, program)),
  );

const makeImage = (name: string, program: string): NewImage => ({
  name: `${imageRepository}/${name}:latest`,
  async fill(root) {
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
  },
  instructions: [
    `USER ${NONROOT}:${NONROOT}`,
    'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/ko-app',
    'ENV KO_DATA_PATH=/var/run/ko',
    'WORKDIR /',
    `ENTRYPOINT ["/ko-app/${name}"]`,
  ],
});
