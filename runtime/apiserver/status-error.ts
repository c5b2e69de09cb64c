/**
 * Every error that a client sees: a Kubernetes `Status` with code, reason, message and details.
 * Source: k8s.io/apimachinery pkg/api/errors (reasons and message shapes that clients parse).
 */
export interface StatusCause {
  readonly reason?: string;
  readonly message: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface Status {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  /** `continue`: where a list whose state is gone may go on. */
  readonly metadata: { readonly continue?: string };
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code: number;
}

/** Of a deed that leaves no object to answer with. It has no code: the answer's own is 200. */
export type SuccessStatus = Omit<Status, 'code'>;

/** Group and plural, which every message about an object starts with. */
export interface GroupResource {
  readonly group: string;
  readonly plural: string;
}

/** `services.serving.knative.dev`, or `pods` for the core group. */
export const formatGroupResource = ({ group, plural }: GroupResource): string =>
  group === '' ? plural : `${plural}.${group}`;

/** Thrown anywhere in the server, answered as is. Anything else that is thrown becomes a 500. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(options: {
    code: number;
    /** For programs; left out where upstream has none. */
    reason?: string;
    message: string;
    details?: StatusDetails;
    metadata?: Status['metadata'];
  }) {
    super(options.message);
    this.name = 'StatusError';
    const { code, reason, message, details, metadata = {} } = options;
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata,
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details === undefined ? {} : { details }),
      code,
    };
  }

  static badRequest(message: string): StatusError {
    return new StatusError({ code: 400, reason: 'BadRequest', message });
  }

  /** As upstream, whose store refuses this itself, without a reason for programs. */
  static versionOnCreate(): StatusError {
    return new StatusError({
      code: 500,
      message: 'resourceVersion should not be set on objects to be created',
    });
  }

  static unauthorized(): StatusError {
    return new StatusError({ code: 401, reason: 'Unauthorized', message: 'Unauthorized' });
  }

  static forbidden(
    resource: GroupResource,
    name: string,
    problem: string,
    causes?: readonly StatusCause[],
  ): StatusError {
    return new StatusError({
      code: 403,
      reason: 'Forbidden',
      message: `${formatGroupResource(resource)} "${name}" is forbidden: ${problem}`,
      details: { ...namedDetails(resource, name), ...(causes === undefined ? {} : { causes }) },
    });
  }

  /** The path itself is unknown: no such group, version or resource. */
  static unknownPath(): StatusError {
    return new StatusError({
      code: 404,
      reason: 'NotFound',
      message: 'the server could not find the requested resource',
      details: {},
    });
  }

  static notFound(resource: GroupResource, name: string): StatusError {
    return new StatusError({
      code: 404,
      reason: 'NotFound',
      message: `${formatGroupResource(resource)} "${name}" not found`,
      details: namedDetails(resource, name),
    });
  }

  static methodNotAllowed(): StatusError {
    return new StatusError({
      code: 405,
      reason: 'MethodNotAllowed',
      message: 'the server does not allow this method on the requested resource',
      details: {},
    });
  }

  /** The client takes one of these types, but in no form of them that there is. */
  static notAcceptable(accepted: readonly string[]): StatusError {
    return StatusError.unfitRendering(
      `only the following media types are accepted: ${accepted.join(', ')}`,
    );
  }

  /** The client takes none of these types. */
  static noAcceptableType(offered: readonly string[]): StatusError {
    return new StatusError({
      code: 406,
      reason: 'NotAcceptable',
      message: `406: Not Acceptable\n\nAvailable representations: ${offered.join(', ')}`,
      details: {},
    });
  }

  static unfitRendering(message: string): StatusError {
    return new StatusError({ code: 406, reason: 'NotAcceptable', message });
  }

  static alreadyExists(resource: GroupResource, name: string): StatusError {
    return new StatusError({
      code: 409,
      reason: 'AlreadyExists',
      message: `${formatGroupResource(resource)} "${name}" already exists`,
      details: namedDetails(resource, name),
    });
  }

  static conflict(resource: GroupResource, name: string, problem?: string): StatusError {
    const why =
      problem ??
      'the object has been modified; please apply your changes to the latest version and try again';
    return new StatusError({
      code: 409,
      reason: 'Conflict',
      message: `Operation cannot be fulfilled on ${formatGroupResource(resource)} "${name}": ${why}`,
      details: namedDetails(resource, name),
    });
  }

  /** A resourceVersion older than the watch history: the client must list again. */
  static expired(requested: number, oldest: number): StatusError {
    return new StatusError({
      code: 410,
      reason: 'Expired',
      message: `too old resource version: ${requested} (${oldest})`,
    });
  }

  static tooLarge(limitBytes: number): StatusError {
    return new StatusError({
      code: 413,
      reason: 'RequestEntityTooLarge',
      message: `Request entity too large: limit is ${limitBytes}`,
    });
  }

  static unsupportedMediaType(accepted: readonly string[]): StatusError {
    return new StatusError({
      code: 415,
      reason: 'UnsupportedMediaType',
      message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    });
  }

  /** Of a patch, whose types are told apart before anything else. */
  static unsupportedPatchType(): StatusError {
    return new StatusError({
      code: 415,
      reason: 'UnsupportedMediaType',
      message: '415: Unsupported Media Type',
      details: {},
    });
  }

  /** `kind` is the Kind, not the plural, as in upstream's messages: `Deployment.apps "x" is invalid: ...`. */
  static invalid(
    subject: { group: string; kind: string },
    name: string,
    causes: readonly StatusCause[],
  ): StatusError {
    const problems = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message));
    const text = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
    const qualified = subject.group === '' ? subject.kind : `${subject.kind}.${subject.group}`;
    return new StatusError({
      code: 422,
      reason: 'Invalid',
      message: `${qualified} "${name}" is invalid: ${text}`,
      details: {
        ...(name === '' ? {} : { name }),
        ...(subject.group === '' ? {} : { group: subject.group }),
        ...(subject.kind === '' ? {} : { kind: subject.kind }),
        causes,
      },
    });
  }

  /** `retryAfterSeconds` becomes the header that clients wait by. */
  static tooManyRequests(message: string, retryAfterSeconds: number): StatusError {
    return new StatusError({
      code: 429,
      reason: 'TooManyRequests',
      message,
      details: { retryAfterSeconds },
    });
  }

  static requestTimeout(): StatusError {
    return new StatusError({
      code: 504,
      reason: 'Timeout',
      message: 'Timeout: request did not complete within the allotted timeout',
      details: {},
    });
  }

  static internal(message: string): StatusError {
    return new StatusError({
      code: 500,
      reason: 'InternalError',
      message: `Internal error occurred: ${message}`,
      details: { causes: [{ message }] },
    });
  }

  /** The client has seen a resourceVersion that this server has not reached. */
  static resourceVersionTooLarge(requested: number, current: number): StatusError {
    return new StatusError({
      code: 504,
      reason: 'Timeout',
      message: `Timeout: Too large resource version: ${requested}, current: ${current}`,
      details: {
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
        retryAfterSeconds: 1,
      },
    });
  }
}

/** Of a patch that leaves no object of its kind. @param shown what was patched, or the patch */
export const invalidPatch = (shown: string, problem: string): StatusError =>
  StatusError.invalid({ group: '', kind: '' }, '', [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(shown)}: ${problem}`,
      field: 'patch',
    },
  ]);

/** The answer to a delete that left nothing behind. */
export function deletedStatus(resource: GroupResource, name: string, uid: string): SuccessStatus {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { ...namedDetails(resource, name), uid },
  };
}

function namedDetails(resource: GroupResource, name: string): StatusDetails {
  return {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  };
}

/** The `Status` for anything thrown while a request was handled. */
export function toStatus(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  return StatusError.internal(error instanceof Error ? error.message : String(error)).status;
}

/** The refusal of a write that the disk did not take. */
export function toCommitFailure(error: unknown): Status {
  const reason = error instanceof Error ? error.message : String(error);
  return StatusError.internal(
    `the write was not stored and has been undone: ${reason}; make room and try again`,
  ).status;
}
