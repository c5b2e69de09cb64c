/**
 * Stands in for `@azure/functions` and `@google-cloud/functions-framework` while the user's module
 * is imported, and records what it registers there. Both packages only make sense inside their own
 * host; a function that names neither in its package.json pays nothing for this file.
 */
import Module from 'node:module';
import { fileURLToPath } from 'node:url';

const standIns = {
  '@azure/functions': new URL('./platform/azure-functions.cjs', import.meta.url).href,
  '@google-cloud/functions-framework': new URL('./platform/google-functions.cjs', import.meta.url)
    .href,
};

/** What the user's module registered, in order: `{platform, kind, name, options, handler}`. */
export const registeredFunctions = () => globalThis[Symbol.for('knit.registered')] ?? [];

/** Makes the two packages resolve to ours, for `require` and `import`, if `packageJson` names one. */
export function installPlatformModules(packageJson) {
  const named = { ...packageJson.dependencies, ...packageJson.devDependencies };
  const wanted = Object.entries(standIns).filter(([name]) => name in named);
  if (wanted.length === 0) return;
  globalThis[Symbol.for('knit.registered')] = [];
  const targets = Object.fromEntries(wanted);
  const resolveFilename = Module['_resolveFilename'];
  Module['_resolveFilename'] = function resolve(request, ...rest) {
    const target = targets[request];
    return target ? fileURLToPath(target) : resolveFilename.call(this, request, ...rest);
  };
  // The only way into `import` that Node.js 20 has; a data URL saves a file for a worker to read.
  const hooks = `const targets = ${JSON.stringify(targets)};
export async function resolve(name, context, next) {
  return targets[name] ? { url: targets[name], format: 'commonjs', shortCircuit: true } : next(name, context);
}`;
  Module.register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}
