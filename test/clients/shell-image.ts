/**
 * The image that the client tests run: this machine's Node.js, a shell, a few of its programs (tar,
 * because `kubectl cp` runs it), and a server that greets.
 */
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { NewImage } from './image-loader.ts';

export const SHELL_IMAGE = 'knit.local/clients/shell:one';

const programs = ['cat', 'date', 'env', 'ls', 'mkdir', 'sleep', 'tar', 'touch'];

/** Answers with $GREETING and the request's path; says on standard output what it answered. */
const server = `
const greeting = process.env.GREETING || 'hello';
process.on('SIGTERM', () => process.exit(0));
require('node:http').createServer((request, response) => {
  console.log('answered ' + request.url);
  response.end(greeting + ' ' + request.url + '\\n');
}).listen(process.env.PORT || 8080, () => console.log('listening'));
`;

export const shellImage: NewImage = {
  name: SHELL_IMAGE,
  async fill(root) {
    const put = async (source: string, target: string): Promise<void> => {
      await mkdir(dirname(join(root, target)), { recursive: true });
      await copyFile(source, join(root, target));
    };
    await put(process.execPath, '/usr/bin/node');
    await put(await realpath('/bin/sh'), '/bin/sh');
    const sources: string[] = [];
    for (const name of programs) {
      const source = await realpath(join('/bin', name));
      sources.push(source);
      await put(source, join('/bin', name));
    }
    const linked = [process.execPath, await realpath('/bin/sh'), ...sources];
    const libraries = execFileSync('ldd', linked, { encoding: 'utf8' });
    for (const path of new Set(
      [...libraries.matchAll(/\s(\/\S+\.so\S*)/g)].map(([, found]) => found),
    ))
      if (path) await put(path, path);
    await mkdir(join(root, 'tmp'));
    await chmod(join(root, 'tmp'), 0o1777);
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
    await writeFile(join(root, 'server.js'), server);
  },
  instructions: ['WORKDIR /', 'CMD ["/usr/bin/node", "/server.js"]'],
};
