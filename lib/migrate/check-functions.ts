/**
 * Looks at handlers without running them: whether runtime and file are there and the name is exported,
 * and which clients of AWS the file imports. Only the handler's own file is read. Pure: files are told.
 */
import { findHandlerProblem } from '../package/check-handler.ts';
import { mapRuntime } from './map-runtime.ts';
import type { FunctionReport } from './setting.ts';

const DEFAULT_RUNTIME = 'nodejs22.x';
const extensions = [
  '.js',
  '.mjs',
  '.cjs',
  '.ts',
  '.mts',
  '.cts',
  '.tsx',
  '.jsx',
  '.py',
  '/__init__.py',
];

/** Of the old SDK: `new AWS.S3()`, `new aws.DynamoDB.DocumentClient()`. */
const oldSdkClient = /\bnew\s+aws\.([A-Z][A-Za-z0-9]+)/gi;
const oldSdk = /(?:require\(\s*|from\s+|import\s+)['"]aws-sdk(?:\/clients\/([a-z0-9]+))?['"]/g;
const newSdk = /['"]@aws-sdk\/(?:client|lib)-([a-z0-9-]+)['"]/g;
const boto = /\bboto3(?:\.Session\([^)]*\))?\.(?:client|resource)\(\s*['"]([a-z0-9-]+)['"]/g;

export interface FunctionFiles {
  /** Every file of the service that could be a handler, relative, with `/`. */
  readonly names: ReadonlySet<string>;
  /** Undefined for a file that is not there or too large to be looked at. */
  readonly read: (name: string) => string | undefined;
}

export function checkFunction(
  name: string,
  raw: Readonly<Record<string, unknown>>,
  { provider, files }: { provider: Readonly<Record<string, unknown>>; files: FunctionFiles },
): FunctionReport {
  const handler = typeof raw['handler'] === 'string' ? raw['handler'] : undefined;
  const asked = String(raw['runtime'] ?? provider['runtime'] ?? DEFAULT_RUNTIME);
  if (handler === undefined || raw['image'] !== undefined || /ockerfile|:/.test(handler))
    return { name, ...(handler === undefined ? {} : { handler }), awsServices: [], problems: [] };
  const { runtime, verdict } = mapRuntime(asked);
  const report = { name, handler, runtime };
  if (asked.includes('${') || handler.includes('${'))
    return {
      ...report,
      awsServices: [],
      problems: ['its runtime or handler is a variable: not checked'],
    };
  if (verdict.status === 'manual')
    return { ...report, awsServices: [], problems: [`${verdict.reason}: ${verdict.todo ?? ''}`] };
  const family = runtime.startsWith('python')
    ? 'python3'
    : runtime.startsWith('provided')
      ? 'provided'
      : runtime;
  const missing = findHandlerProblem({ handler, runtime: family }, files.names);
  const file = findFile(handler, files.names);
  const text = file === undefined ? undefined : files.read(file);
  const problems = missing === undefined ? [] : [missing];
  if (text !== undefined && !mayExport(text, handler.slice(handler.lastIndexOf('.') + 1)))
    problems.push(
      `${file ?? ''} does not seem to export "${handler.slice(handler.lastIndexOf('.') + 1)}"`,
    );
  return {
    ...report,
    ...(file === undefined ? {} : { file }),
    awsServices: text === undefined ? [] : findAwsServices(text),
    problems,
  };
}

/** Names of AWS's services as the newer SDK spells them, sorted. */
export function findAwsServices(text: string): string[] {
  const found = new Set<string>();
  for (const [, client] of text.matchAll(oldSdkClient)) found.add(client!.toLowerCase());
  let isWhole = false;
  for (const [, client] of text.matchAll(oldSdk))
    if (client === undefined) isWhole = true;
    else found.add(client);
  for (const [, client] of text.matchAll(newSdk)) found.add(client!);
  for (const [, client] of text.matchAll(boto)) found.add(client!);
  if (isWhole && found.size === 0) found.add('*');
  return [...found].sort();
}

function findFile(handler: string, names: ReadonlySet<string>): string | undefined {
  const module = handler.slice(0, handler.lastIndexOf('.')).replace(/^\.\//, '');
  return extensions.map((extension) => module + extension).find((name) => names.has(name));
}

/** Generous: what is exported by a star or computed cannot be seen from outside. */
function mayExport(text: string, name: string): boolean {
  if (
    /export\s+\*|module\.exports\s*=\s*(?:\w|require|\.\.\.)|Object\.assign\(\s*(?:module\.)?exports/.test(
      text,
    )
  )
    return true;
  return new RegExp(`\\b${name.replace(/[$]/g, '\\$&')}\\b`).test(text);
}
