/**
 * The options of lists and watches that go together or do not. Pure.
 * Source: k8s.io/apimachinery pkg/apis/meta/internalversion/validation (rules and texts).
 */
import { StatusError, type StatusCause } from './status-error.ts';

type Query = Readonly<Record<string, string>>;

export interface ListOptions {
  /** 0 for all. */
  readonly limit: number;
  readonly continueToken: string;
  /** Undefined: the latest state. 0: any state will do. */
  readonly resourceVersion: number | undefined;
  /** The state at `resourceVersion`, and not a later one. */
  readonly isExact: boolean;
}

const matches = ['Exact', 'NotOlderThan'];

/** @throws {StatusError} 400 for what cannot be read, 422 for options that exclude each other. */
export function parseListOptions(query: Query): ListOptions {
  const { resourceVersionMatch: match = '', continue: continueToken = '' } = query;
  const text = query['resourceVersion'] ?? '';
  const causes: StatusCause[] = [];
  if (match !== '') {
    if (text === '')
      causes.push(
        forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    if (continueToken !== '')
      causes.push(forbidden('resourceVersionMatch is forbidden when continue is provided'));
    if (!matches.includes(match))
      causes.push({
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(match)}: supported values: "Exact", "NotOlderThan", ""`,
        field: 'resourceVersionMatch',
      });
    if (match === 'Exact' && text === '0')
      causes.push(forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (query['sendInitialEvents'])
    causes.push(forbidden('sendInitialEvents is forbidden for list', 'sendInitialEvents'));
  refuse(causes);
  const limit = parseCount(query['limit'], 'limit') ?? 0;
  const resourceVersion = parseCount(text, 'resourceVersion');
  if (continueToken !== '' && resourceVersion !== undefined && resourceVersion > 0)
    throw StatusError.badRequest('specifying resource version is not allowed when using continue');
  return {
    limit,
    continueToken,
    resourceVersion,
    // As upstream since before `resourceVersionMatch`: a chunked list of a version is of that version.
    isExact: match === 'Exact' || (match === '' && limit > 0 && (resourceVersion ?? 0) > 0),
  };
}

/** @throws {StatusError} 422 for options that exclude each other. */
export function checkWatchOptions(query: Query): void {
  const { resourceVersionMatch: match = '', sendInitialEvents = '' } = query;
  const causes: StatusCause[] = [];
  if (sendInitialEvents !== '' && match !== 'NotOlderThan')
    causes.push(
      forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    );
  if (match !== '') {
    if (sendInitialEvents === '')
      causes.push(
        forbidden(
          'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
        ),
      );
    if (match !== 'NotOlderThan')
      causes.push({
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: ${JSON.stringify(match)}: supported values: "NotOlderThan"`,
        field: 'resourceVersionMatch',
      });
    if (query['continue'])
      causes.push(forbidden('resourceVersionMatch is forbidden when continue is provided'));
  }
  refuse(causes);
}

const forbidden = (problem: string, field = 'resourceVersionMatch'): StatusCause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${problem}`,
  field,
});

function refuse(causes: readonly StatusCause[]): void {
  if (causes.length > 0)
    throw StatusError.invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes);
}

/** @throws {StatusError} 400 for anything but a whole number. */
function parseCount(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw StatusError.badRequest(
      `${name}: Invalid value: ${JSON.stringify(text)}: must be a non-negative integer`,
    );
  return Number(text);
}
