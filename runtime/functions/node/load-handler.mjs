/**
 * Finds and imports the handler as Lambda does: `src/hello.nested.handler` is the export
 * `nested.handler` of `src/hello`, tried as .js, .mjs and .cjs below the task root, CommonJS or ESM.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { installPlatformModules, registeredFunctions } from './platform-modules.mjs';
import { RuntimeError } from './runtime-error.mjs';

const extensions = ['.js', '.mjs', '.cjs'];

/**
 * @returns `{handler, exportName, file, exports, packageJson, registered}`; `handler` is undefined
 *   only when `registered` is not empty.
 * @throws {RuntimeError} typed as Lambda types it: MalformedHandlerName, ImportModuleError,
 *   HandlerNotFound, UserCodeSyntaxError; what the module itself throws passes as cause.
 */
export async function loadHandler({ handler: name, taskRoot }) {
  const { modulePath, exportPath } = parseHandlerName(name);
  const file = findModule(taskRoot, modulePath, name);
  installStreaming();
  const packageJson = readPackageJson(dirname(file), taskRoot);
  installPlatformModules(packageJson);
  const exports = await importModule(file, name);
  const handler = findExport(exports, exportPath);
  const exportName = exportPath.at(-1);
  const loaded = {
    handler,
    exportName,
    file,
    exports,
    packageJson,
    registered: registeredFunctions(),
  };
  if (loaded.registered.length > 0) return loaded;
  if (handler === undefined)
    throw new RuntimeError(
      'Runtime.HandlerNotFound',
      `${name} is undefined or not exported by ${relative(taskRoot, file)}; it exports ${listExports(exports)}`,
    );
  return loaded;
}

/** `a/b.c.d` -> module `a/b`, export `c.d`. The first dot after the last slash divides. */
export function parseHandlerName(name) {
  const slash = name.lastIndexOf('/');
  const dot = name.indexOf('.', slash + 2);
  if (dot < 0 || dot === name.length - 1 || name.includes('..'))
    throw new RuntimeError(
      'Runtime.MalformedHandlerName',
      `the handler is "${name}", must look like path/to/file.exportName`,
    );
  return { modulePath: name.slice(0, dot), exportPath: name.slice(dot + 1).split('.') };
}

function findModule(taskRoot, modulePath, name) {
  const base = isAbsolute(modulePath) ? modulePath : resolve(taskRoot, modulePath);
  for (const extension of extensions) if (existsSync(base + extension)) return base + extension;
  try {
    // A module in node_modules, e.g. the handler wrapper of a monitoring package.
    return createRequire(join(taskRoot, 'noop.js')).resolve(modulePath);
  } catch {
    throw new RuntimeError(
      'Runtime.ImportModuleError',
      `Cannot find module '${modulePath}' (handler ${name}): none of ${extensions
        .map((extension) => `${modulePath}${extension}`)
        .join(', ')} is in ${taskRoot}`,
    );
  }
}

async function importModule(file, name) {
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new RuntimeError('Runtime.UserCodeSyntaxError', `${error.message} (${file})`, error);
    if (error?.code === 'ERR_MODULE_NOT_FOUND' || error?.code === 'MODULE_NOT_FOUND')
      throw new RuntimeError('Runtime.ImportModuleError', error.message, error);
    // Whatever else it threw is the user's own error: keep its type.
    if (error instanceof Error) {
      error.message = `${error.message} (thrown while importing ${name})`;
      throw error;
    }
    throw new RuntimeError('Runtime.ImportModuleError', `${name} threw ${String(error)} on import`);
  }
}

/** ESM exports first, then what CommonJS put on `module.exports`. */
function findExport(exports, path) {
  for (const root of [exports, exports.default]) {
    const found = path.reduce((value, key) => value?.[key], root);
    if (found !== undefined) return found;
  }
  // `module.exports = handler`, or `export default`, whatever the handler string calls it.
  const only = exports.default;
  return typeof only === 'function' && path.length === 1 ? only : undefined;
}

function listExports(exports) {
  const names = new Set([...Object.keys(exports), ...Object.keys(exports.default ?? {})]);
  names.delete('default');
  names.delete('module.exports');
  return names.size === 0 ? 'nothing' : [...names].join(', ');
}

function readPackageJson(from, taskRoot) {
  for (let folder = from; ; folder = dirname(folder)) {
    try {
      return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    } catch {
      // Absent or unreadable here: only a hint for detection, so look further up.
    }
    if (folder === taskRoot || folder === dirname(folder)) return {};
  }
}

/** The global that Lambda offers for response streaming; the marker is read by styles/lambda.mjs. */
function installStreaming() {
  globalThis.awslambda ??= {
    streamifyResponse(handler) {
      handler[streamingHandler] = true;
      return handler;
    },
    HttpResponseStream: {
      from(stream, metadata) {
        stream.metadata = metadata;
        return stream;
      },
    },
  };
}

/** Set on handlers wrapped by `awslambda.streamifyResponse`. */
export const streamingHandler = Symbol.for('knit.streamingHandler');
