/**
 * Whether a handler's file is in the package, checked before anything is built. Whether the file
 * exports the name is left to the function server, which can say it without guessing. Pure.
 */

/** Extensions by family, in the order in which the function servers look. */
const NODE_EXTENSIONS = ['.js', '.mjs', '.cjs'];
/** Sources that need a bundler first; named to give the better message. */
const UNBUILT_EXTENSIONS = ['.ts', '.mts', '.cts', '.tsx', '.jsx'];

/** What is wrong, with what to do; undefined when the handler can be found. */
export function findHandlerProblem(
  options: { handler: string; runtime: string },
  files: ReadonlySet<string>,
): string | undefined {
  const { handler, runtime } = options;
  if (runtime === 'provided')
    return files.has('bootstrap')
      ? undefined
      : 'runtime provided.* needs an executable file "bootstrap" at the root of the package, and there is none';
  const slash = handler.lastIndexOf('/');
  const dot = handler.indexOf('.', slash + 1);
  if (dot <= slash + 1 || dot === handler.length - 1)
    return `handler "${handler}" is not of the form path/to/file.exportedName`;
  const module = handler.slice(0, dot).replace(/^\.\//, '');
  const extensions = runtime === 'python3' ? ['.py', '/__init__.py'] : NODE_EXTENSIONS;
  if (files.has(module) || extensions.some((extension) => files.has(module + extension)))
    return undefined;
  const unbuilt = UNBUILT_EXTENSIONS.find((extension) => files.has(module + extension));
  if (unbuilt !== undefined)
    return (
      `handler "${handler}" is ${module}${unbuilt}, which Node.js cannot run as it is. Add a plugin ` +
      'that compiles it, such as serverless-esbuild'
    );
  const tried = extensions.map((extension) => module + extension).join(', ');
  return `handler "${handler}" needs one of ${tried}, and the package has none of them. Correct the path, or "package.patterns" if they leave the file out`;
}
