/**
 * Paths of Lambda's Invoke API and what they name. Pure. Source: AWS Lambda API reference, Invoke
 * (function name formats).
 */
const prefix = '/2015-03-31/functions/';
const suffix = '/invocations';

export interface InvokeCall {
  /** Function name as annotated, `<namespace>-<name>` or `<namespace>/<name>`. */
  readonly name: string;
  /** Tag or revision name; undefined for none and for `$LATEST`. */
  readonly qualifier: string | undefined;
}

export const isInvokePath = (path: string): boolean => path.startsWith(prefix);

/** Undefined when the path is not an Invoke call. Accepts a name, a partial ARN and a full ARN, with qualifier. */
export function parseInvokePath(path: string): InvokeCall | undefined {
  if (!path.startsWith(prefix) || !path.endsWith(suffix)) return undefined;
  if (path.length <= prefix.length + suffix.length) return undefined;
  let text: string;
  try {
    text = decodeURIComponent(path.slice(prefix.length, path.length - suffix.length));
  } catch {
    // Not percent-encoded text: no name of ours.
    return undefined;
  }
  const arn = /^(?:arn:[^:]*:lambda:[^:]*:)?[0-9]*:function:(.+)$/.exec(text);
  const [name = '', qualifier, ...rest] = (arn?.[1] ?? text).split(':');
  if (name === '' || rest.length > 0 || qualifier === '') return undefined;
  return { name, qualifier: qualifier === '$LATEST' ? undefined : qualifier };
}
