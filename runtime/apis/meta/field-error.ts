/**
 * Validation errors with Knative's grammar: `message: path1, path2` and optional details.
 * Source: knative.dev/pkg apis/field_error.go behaviour, see facts sheet 1.12.
 */
export interface FieldError {
  /** e.g. `missing field(s)`, `invalid value: 7`, `expected 0 <= 7000 <= 600`. */
  readonly message: string;
  /** Field paths, e.g. `spec.template.spec.timeoutSeconds`. Indices as `[i]`, keys as `[k]`. */
  readonly paths: readonly string[];
  readonly details?: string;
  /**
   * A cause's reason (`FieldValueInvalid`...): the message is in Kubernetes' words already (see
   * field-cause.ts) and reads the same whoever answers it.
   */
  readonly reason?: string;
}

/** Joins errors as Knative prints them: merged when message and details agree, sorted, one per line. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  const merged = new Map<string, { message: string; details: string; paths: Set<string> }>();
  for (const error of errors) {
    const id = `${error.message} ${error.details ?? ''}`;
    const entry = merged.get(id) ?? {
      message: error.message,
      details: error.details ?? '',
      paths: new Set<string>(),
    };
    for (const path of error.paths) entry.paths.add(path);
    merged.set(id, entry);
  }
  return [...merged.values()]
    .sort((a, b) => compare(a.message, b.message) || compare(a.details, b.details))
    .map(({ message, details, paths }) => {
      const where = [...paths].sort().join(', ');
      return `${message}: ${where}${details === '' ? '' : `\n${details}`}`;
    })
    .join('\n');
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The errors of a part, with the path of the part before theirs. An empty path means the part itself. */
export const under = (prefix: string, errors: readonly FieldError[]): readonly FieldError[] =>
  errors.map((error) => ({ ...error, paths: error.paths.map((path) => joinPath(prefix, path)) }));

/** Indices and keys in brackets attach without a dot. */
function joinPath(prefix: string, path: string): string {
  if (path === '' || prefix === '') return prefix + path;
  return path.startsWith('[') ? prefix + path : `${prefix}.${path}`;
}

export const missingField = (...paths: string[]): FieldError => ({
  message: 'missing field(s)',
  paths,
});
export const disallowedField = (...paths: string[]): FieldError => ({
  message: 'must not set the field(s)',
  paths,
});
export const invalidValue = (value: unknown, path: string, details?: string): FieldError => ({
  message: `invalid value: ${String(value)}`,
  paths: [path],
  ...(details === undefined ? {} : { details }),
});
export const outOfBounds = (
  value: unknown,
  low: number,
  high: number,
  path: string,
): FieldError => ({ message: `expected ${low} <= ${String(value)} <= ${high}`, paths: [path] });
