/**
 * Adapts the hosts' own packaging: less to list (`narrow-patterns.ts`), and no zip where only we would
 * read it, since images are built from our own archives.
 */
import path from 'node:path';
import type { Host } from '../host.ts';
import { narrowPackaging } from './narrow-patterns.ts';

export interface PatternParams {
  include: string[];
  exclude: string[];
  devDependencyExcludeSet?: Set<string>;
}

/** The hosts' packaging plugin, as far as it is adapted. */
export interface PackagePlugin {
  resolveFilePathsFromPatterns(params: PatternParams, prefix?: string): Promise<string[]>;
  zipFiles(files: string[], zipFileName: string, prefix?: string): Promise<string>;
}

/** Files, relative to the service directory, by the path of the zip that was not made of them. */
export type FileLists = ReadonlyMap<string, readonly string[]>;

/** @param self our own plugin. The lists fill while the host packages. */
export function adaptPackaging(host: Host, self: object): FileLists {
  const lists = new Map<string, readonly string[]>();
  const plugin = host.pluginManager.plugins.find(
    (candidate) =>
      candidate.constructor.name === 'Package' && 'resolveFilePathsFromPatterns' in candidate,
  ) as PackagePlugin | undefined;
  if (!plugin) return lists;
  narrowPackaging(plugin);
  if (othersMayReadZips(host, self)) return lists;
  const original = plugin.zipFiles.bind(plugin);
  plugin.zipFiles = async (files, zipFileName, prefix) => {
    // A layer; and the host's own message for a package without files.
    if (prefix !== undefined || files.length === 0) return original(files, zipFileName, prefix);
    const zip = path.join(host.serviceDir ?? '.', '.serverless', zipFileName);
    lists.set(path.resolve(zip), files);
    return zip;
  };
  return lists;
}

/** Build plugins put more into the zip, or make it anew; others upload or measure it. */
const othersMayReadZips = (host: Host, self: object): boolean =>
  [...host.pluginManager.externalPlugins].some(
    (plugin) =>
      plugin !== self &&
      Object.keys(('hooks' in plugin && plugin.hooks) || {}).some((event) =>
        /\b(package|deploy)\b/.test(event),
      ),
  );
