/**
 * The gateway's own errors in the form that Lambda's clients understand. Status and Knit-Error stay
 * what they are elsewhere. Source: AWS Lambda API reference, Invoke (errors).
 */
import { errorHeader } from '../apis/knit.ts';
import type { Answer } from './answer.ts';
import type { GatewayError, GatewayErrorCode } from './gateway-error.ts';

const errorTypes: Partial<Record<GatewayErrorCode, string>> = {
  'function-not-found': 'ResourceNotFoundException',
  'revision-not-found': 'ResourceNotFoundException',
  'body-too-large': 'RequestTooLargeException',
  'bad-request': 'InvalidParameterValueException',
  'queue-full': 'TooManyRequestsException',
};

export function lambdaErrorAnswer(error: GatewayError, revision: string | undefined): Answer {
  const body = {
    Type: error.status < 500 ? 'User' : 'Service',
    // Both spellings are in use: the service sends Message, some models read message.
    Message: error.message,
    message: error.message,
  };
  return {
    status: error.status,
    headers: [
      ['X-Amzn-ErrorType', errorTypes[error.code] ?? 'ServiceException'],
      [errorHeader, revision === undefined ? error.code : `${error.code}; revision=${revision}`],
    ],
    body: JSON.stringify(body),
    contentType: 'application/json',
  };
}
