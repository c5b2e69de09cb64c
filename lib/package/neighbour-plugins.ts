/**
 * Other plugins that a service may list and that assume a provider of their own. Their instances
 * are adapted in place, since neither host offers another way.
 */
import type { Host, HostFunction } from '../host.ts';

/** serverless-esbuild keys its test for Node.js functions by provider and knows no `knative`. */
interface EsbuildPlugin {
  isNodeFunction?: (fn: HostFunction) => boolean;
}

export function adaptNeighbourPlugins(host: Host): void {
  const provider = host.service.provider;
  const esbuild: EsbuildPlugin | undefined = host.pluginManager.plugins.find(
    (plugin) => plugin.constructor.name === 'EsbuildServerlessPlugin',
  );
  if (esbuild)
    esbuild.isNodeFunction = (fn) =>
      String(fn['runtime'] ?? provider['runtime'] ?? 'nodejs').startsWith('nodejs') &&
      !fn.package?.disable;
  // Plugins made for AWS read and extend this template; an empty one keeps them from crashing.
  provider['compiledCloudFormationTemplate'] ??= { Resources: {}, Outputs: {} };
}
