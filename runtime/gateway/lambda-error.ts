/**
 * The gateway's own errors in the form that Lambda's clients understand. Status and Knit-Error stay
 * what they are elsewhere. Source: AWS Lambda API reference, Invoke (errors).
 */
import { errorHeader } from '../apis/knit.ts';
import type { GatewayError, GatewayErrorCode } from './gateway-error.ts';
import { plainResponse } from './gateway-error.ts';

const errorTypes: Partial<Record<GatewayErrorCode, string>> = {
  'function-not-found': 'ResourceNotFoundException',
  'revision-not-found': 'ResourceNotFoundException',
  'body-too-large': 'RequestTooLargeException',
  'bad-request': 'InvalidParameterValueException',
  'queue-full': 'TooManyRequestsException',
};

export function lambdaErrorResponse(
  error: GatewayError,
  options: { readonly revision?: string; readonly close: boolean },
): string {
  const { revision, close } = options;
  const type = errorTypes[error.code] ?? 'ServiceException';
  const body = {
    Type: error.status < 500 ? 'User' : 'Service',
    // Both spellings are in use: the service sends Message, some models read message.
    Message: error.message,
    message: error.message,
  };
  return plainResponse(error.status, JSON.stringify(body), {
    contentType: 'application/json',
    close,
    headers: [
      ['X-Amzn-ErrorType', type],
      [errorHeader, revision === undefined ? error.code : `${error.code}; revision=${revision}`],
    ],
  });
}
