/**
 * How an object is to be deleted, from a DELETE's body (`DeleteOptions`) or else its query. Pure.
 * Source: k8s.io/apimachinery pkg/apis/meta/v1/validation; k8s.io/apiserver pkg/endpoints/handlers.
 */
import { jsonTypeOf } from './go-value.ts';
import { isJsonObject, type JsonObject } from './json-value.ts';
import { ENVELOPE_TYPE } from './object-body.ts';
import { invalidOptions, validateDryRun } from './request-options.ts';
import { StatusError, type StatusCause } from './status-error.ts';

export type PropagationPolicy = 'Background' | 'Foreground' | 'Orphan';

export interface DeleteOptions {
  /** Undefined: as the kind has it, which keeps what earlier deletes asked for. */
  readonly propagationPolicy: PropagationPolicy | undefined;
  readonly gracePeriodSeconds: number | undefined;
  readonly preconditions: {
    readonly uid: string | undefined;
    readonly resourceVersion: string | undefined;
  };
  readonly dryRun: boolean;
}

const policies: readonly unknown[] = ['Foreground', 'Background', 'Orphan'];

/** @throws {StatusError} 400 for what cannot be read, 422 for what is not allowed. */
export function parseDeleteOptions(
  body: unknown,
  query: Readonly<Record<string, string>>,
): DeleteOptions {
  if (body !== undefined && body !== null && !isJsonObject(body))
    throw StatusError.badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeOf(body)} into Go value of type ${ENVELOPE_TYPE}`,
    );
  // As upstream: options in the body are all options; the query counts where there is no body.
  const given: JsonObject = isJsonObject(body) ? body : readQuery(query);
  const { kind = 'DeleteOptions', preconditions, propagationPolicy, orphanDependents } = given;
  if (kind !== 'DeleteOptions')
    throw StatusError.badRequest(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(given['apiVersion'] ?? '')} in scheme "pkg/runtime/scheme.go:111"`,
    );
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'] : [];
  const causes = [
    ...validatePolicy(propagationPolicy, orphanDependents),
    ...validateDryRun(dryRun),
  ];
  if (causes.length > 0) throw invalidOptions('DeleteOptions', causes);
  const { uid, resourceVersion } = isJsonObject(preconditions) ? preconditions : {};
  return {
    propagationPolicy: readPolicy(propagationPolicy, orphanDependents),
    gracePeriodSeconds: readSeconds(given['gracePeriodSeconds']),
    preconditions: {
      uid: typeof uid === 'string' ? uid : undefined,
      resourceVersion: typeof resourceVersion === 'string' ? resourceVersion : undefined,
    },
    dryRun: dryRun.length > 0,
  };
}

function readQuery(query: Readonly<Record<string, string>>): JsonObject {
  const { propagationPolicy, orphanDependents, gracePeriodSeconds, dryRun } = query;
  if (gracePeriodSeconds !== undefined && !/^[-+]?\d+$/.test(gracePeriodSeconds))
    throw StatusError.badRequest(
      `strconv.ParseInt: parsing ${JSON.stringify(gracePeriodSeconds)}: invalid syntax`,
    );
  return {
    ...(propagationPolicy ? { propagationPolicy } : {}),
    ...(orphanDependents === undefined ? {} : { orphanDependents: orphanDependents === 'true' }),
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds: Number(gracePeriodSeconds) }),
    ...(dryRun === undefined ? {} : { dryRun: [dryRun] }),
  };
}

function readSeconds(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw StatusError.badRequest(
    `json: cannot unmarshal ${typeof value === 'number' ? `number ${value}` : typeof value} into Go struct field DeleteOptions.gracePeriodSeconds of type int64`,
  );
}

function validatePolicy(policy: unknown, orphans: unknown): StatusCause[] {
  if (policy === undefined || policy === null) return [];
  const field = 'propagationPolicy';
  const causes: StatusCause[] = [];
  if (orphans !== undefined && orphans !== null)
    causes.push({
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
      field,
    });
  if (!policies.includes(policy))
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
      field,
    });
  return causes;
}

function readPolicy(policy: unknown, orphans: unknown): PropagationPolicy | undefined {
  if (policy !== undefined && policy !== null) return policy as PropagationPolicy;
  if (orphans === undefined || orphans === null) return undefined;
  return orphans === true ? 'Orphan' : 'Background';
}
