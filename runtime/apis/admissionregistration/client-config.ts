/**
 * Where a webhook listens: a URL or a Service, and which of each can be called. Of admission webhooks
 * and of conversion webhooks alike. Pure. Source: k8s.io/apiserver pkg/util/webhook/validation.go.
 */
import type { FieldError } from '../meta/field-error.ts';
import { invalid, required } from '../meta/field-rule.ts';
import type { WebhookClientConfig } from './types.ts';

export function validateClientConfig(
  config: WebhookClientConfig | undefined,
  path: string,
): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')];
  return url === undefined
    ? validateServiceReference(service, `${path}.service`)
    : validateUrl(url, `${path}.url`);
}

function validateUrl(text: string, path: string): FieldError[] {
  const form = '; desired format: https://host[/path]';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return [required(path, `url must be a valid URL${form}`)];
  }
  const errors: FieldError[] = [];
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== 'https')
    errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${form}`));
  if (url.host === '') errors.push(invalid(path, '', `host must be specified${form}`));
  if (url.username !== '' || url.password !== '')
    errors.push(invalid(path, url.username, 'user information is not permitted in the URL'));
  if (url.hash !== '')
    errors.push(invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '')
    errors.push(
      invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL'),
    );
  return errors;
}

function validateServiceReference(
  service: WebhookClientConfig['service'] | undefined,
  path: string,
): FieldError[] {
  const { name, namespace, port, path: urlPath } = service ?? {};
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${path}.name`));
  if (!namespace) errors.push(required(`${path}.namespace`));
  if (!isWithin(port, 1, 65_535))
    errors.push(
      invalid(`${path}.port`, port, 'port is not valid: must be between 1 and 65535, inclusive'),
    );
  if (urlPath === undefined || urlPath === '' || urlPath === '/') return errors;
  if (!urlPath.startsWith('/'))
    errors.push(invalid(`${path}.path`, urlPath, `must start with a '/'`));
  const steps = urlPath.slice(1).replace(/\/$/, '').split('/');
  for (const [index, step] of steps.entries())
    if (step === '')
      errors.push(invalid(`${path}.path`, urlPath, `segment[${index}] may not be empty`));
  return errors;
}

const isWithin = (value: unknown, low: number, high: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
