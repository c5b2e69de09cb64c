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
  const limit = parseInteger(query['limit']) ?? 0;
  parseInteger(query['timeoutSeconds']);
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
  if (query['sendInitialEvents'] !== undefined)
    causes.push(forbidden('sendInitialEvents is forbidden for list', 'sendInitialEvents'));
  refuse(causes);
  const resourceVersion = parseListVersion(text);
  if (continueToken !== '' && resourceVersion !== undefined && resourceVersion > 0)
    throw StatusError.badRequest('specifying resource version is not allowed when using continue');
  return {
    // As upstream, which takes a negative limit for none.
    limit: Math.max(0, limit),
    continueToken,
    resourceVersion,
    // As upstream since before `resourceVersionMatch`: a chunked list of a version is of that version.
    isExact: match === 'Exact' || (match === '' && limit > 0 && (resourceVersion ?? 0) > 0),
  };
}

export interface WatchParameters {
  readonly resourceVersion: number | undefined;
  /** Undefined: until the server or the client ends. */
  readonly timeoutSeconds: number | undefined;
}

/** @throws {StatusError} 400 and 500 for what cannot be read, 422 for options that exclude each other. */
export function parseWatchOptions(query: Query): WatchParameters {
  parseInteger(query['limit']);
  const timeoutSeconds = parseInteger(query['timeoutSeconds']);
  const { resourceVersionMatch: match = '', sendInitialEvents } = query;
  const causes: StatusCause[] = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan')
    causes.push(
      forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    );
  if (match !== '') {
    if (sendInitialEvents === undefined)
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
  }
  if (query['continue'])
    causes.push(forbidden('resourceVersionMatch is forbidden when continue is provided'));
  refuse(causes);
  return {
    resourceVersion: parseObjectVersion(query['resourceVersion']),
    timeoutSeconds: timeoutSeconds !== undefined && timeoutSeconds > 0 ? timeoutSeconds : undefined,
  };
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

/**
 * The resourceVersion that a GET or a WATCH names.
 * @throws {StatusError} 500 for what is none: upstream's store refuses it, without a reason.
 */
export function parseObjectVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const problem = versionProblem(text);
  if (problem !== undefined) throw new StatusError({ code: 500, message: problem });
  return Number(text);
}

function parseListVersion(text: string): number | undefined {
  if (text === '') return undefined;
  const problem = versionProblem(text);
  if (problem !== undefined) throw StatusError.badRequest(`invalid resource version: ${problem}`);
  return Number(text);
}

/** More digits are no version that was ever handed out, and no exact number either. */
const DIGITS_MAX = 15;

const versionProblem = (text: string): string | undefined =>
  /^\d+$/.test(text) && text.length <= DIGITS_MAX
    ? undefined
    : `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${numberProblem(text)}`;

/** @throws {StatusError} 400 in the words of Go's parser. */
function parseInteger(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[+-]?\d+$/.test(text) && text.length <= DIGITS_MAX) return Number(text);
  throw StatusError.badRequest(
    `strconv.ParseInt: parsing ${JSON.stringify(text)}: ${numberProblem(text)}`,
  );
}

const numberProblem = (text: string): string =>
  /^[+-]?\d+$/.test(text) && text.length > DIGITS_MAX ? 'value out of range' : 'invalid syntax';
