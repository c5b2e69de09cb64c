/** AWS runtime names to the images of Knit's catalogue (`knit.local/<runtime>`). Pure. */
import { UserError } from '../user-error.ts';

export interface RuntimeChoice {
  /** Name in the catalogue. */
  readonly runtime: string;
  /** Set where the function gets another version than it asked for. */
  readonly warning?: string;
}

/** Where nothing is said: the Node.js line that is in maintenance longest among those supported. */
export const DEFAULT_RUNTIME = 'nodejs22.x';
const NODE_VERSIONS = ['20', '22', '24'];

/** @throws {UserError} for runtimes that Knit has no image of, with what to do instead. */
export function chooseRuntime(runtime: string, where: string): RuntimeChoice {
  const node = /^nodejs(\d+)?(?:\.x|\.\d+)?$/.exec(runtime);
  if (node) {
    const major = node[1] ?? '22';
    if (NODE_VERSIONS.includes(major)) return { runtime: `nodejs${major}.x` };
    return {
      runtime: DEFAULT_RUNTIME,
      warning: `${where} asks for runtime ${runtime}, which has no image here; it runs on ${DEFAULT_RUNTIME}`,
    };
  }
  if (/^python3(\.\d+)?$/.test(runtime)) return { runtime: 'python3' };
  if (/^provided(\.al\d+)?$/.test(runtime)) return { runtime: 'provided' };
  throw new UserError(
    `${where} asks for runtime "${runtime}", which Knit cannot run from source. Use ` +
      `nodejs20.x, nodejs22.x, nodejs24.x, python3.x or provided.al2023, or give the function a ` +
      'Dockerfile ("handler: path/to/Dockerfile") or an image ("image: ...").',
    'KNIT_UNKNOWN_RUNTIME',
  );
}
