/**
 * A small complete answer that the gateway makes itself, before it is put into the words of a
 * protocol. Source: RFC 9110 section 15 (reason phrases).
 */
export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** UTF-8 when sent. '' = none. */
  readonly body: string;
  readonly contentType?: string;
}

/** The answer in HTTP/1.1, as a latin1 string: UTF-8 bytes of the body, one character each. */
export function answerText(
  answer: Answer,
  options: { readonly isHead?: boolean; readonly close: boolean },
): string {
  const { status, contentType } = answer;
  const body = Buffer.from(answer.body, 'utf8');
  let head = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
  for (const [name, value] of answer.headers) head += `${name}: ${value}\r\n`;
  if (contentType !== undefined) head += `Content-Type: ${contentType}\r\n`;
  if (status !== 204) head += `Content-Length: ${body.length}\r\n`;
  if (options.close) head += 'Connection: close\r\n';
  head += '\r\n';
  return options.isHead === true || status === 204 ? head : head + body.toString('latin1');
}

const reasonPhrases: Readonly<Record<number, string>> = {
  200: 'OK',
  202: 'Accepted',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  413: 'Content Too Large',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** '' for a status without a registered phrase that the gateway uses. */
export const reasonPhrase = (status: number): string => reasonPhrases[status] ?? '';
