/** What an Ingress of networking.k8s.io must say. Pure. Source: k8s.io/kubernetes pkg/apis/networking/validation (rules, words). */
import type { FieldError } from '../meta/field-error.ts';
import { invalid, notSupported, required } from '../meta/field-rule.ts';
import { portNameProblems, subdomainProblems } from '../meta/name-rules.ts';

export interface IngressBackend {
  service?: { name?: string; port?: { name?: string; number?: number } };
  resource?: unknown;
}

export interface IngressSpec {
  ingressClassName?: string;
  defaultBackend?: IngressBackend;
  rules?: {
    host?: string;
    http?: { paths?: { path?: string; pathType?: string; backend?: IngressBackend }[] };
  }[];
  tls?: { hosts?: string[]; secretName?: string }[];
}

type IngressPath = NonNullable<
  NonNullable<NonNullable<NonNullable<IngressSpec['rules']>[number]['http']>['paths']>[number]
>;

const PORT_MAX = 65_535;
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const badSequences = ['//', '/./', '/../', '%2f', '%2F'];
const badEndings = ['/..', '/.'];
const addressPattern = /^\d+\.\d+\.\d+\.\d+$|:/;

export function validateIngress(spec: IngressSpec = {}): FieldError[] {
  const { rules = [], defaultBackend, tls = [] } = spec;
  return [
    ...(rules.length === 0 && !defaultBackend
      ? [
          invalid(
            'spec',
            spec.rules ?? null,
            'either `defaultBackend` or `rules` must be specified',
          ),
        ]
      : []),
    ...(defaultBackend ? backendProblems(defaultBackend, 'spec.defaultBackend') : []),
    ...rules.flatMap(({ host = '', http }, i) => [
      ...hostProblems(host, `spec.rules[${i}].host`),
      ...(http && !http.paths?.length ? [required(`spec.rules[${i}].http.paths`)] : []),
      ...(http?.paths ?? []).flatMap((path, j) =>
        pathProblems(path, `spec.rules[${i}].http.paths[${j}]`),
      ),
    ]),
    ...tls.flatMap(({ hosts = [] }, i) =>
      hosts.flatMap((host, j) => nameProblems(host, `spec.tls[${i}].hosts[${j}]`)),
    ),
  ];
}

function hostProblems(host: string, path: string): FieldError[] {
  if (host === '') return [];
  return addressPattern.test(host)
    ? [invalid(path, host, 'must be a DNS name, not an IP address')]
    : nameProblems(host, path);
}

/** A name, or one whose first label stands for any. */
const nameProblems = (host: string, path: string): FieldError[] =>
  subdomainProblems(host.startsWith('*.') ? host.slice(2) : host).map((problem) =>
    invalid(path, host, problem),
  );

function pathProblems(
  { path = '', pathType, backend = {} }: IngressPath,
  where: string,
): FieldError[] {
  if (!pathType) return [required(`${where}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const say = (problem: string): void => {
    errors.push(invalid(`${where}.path`, path, problem));
  };
  if (!pathTypes.includes(pathType))
    errors.push(notSupported(`${where}.pathType`, pathType, pathTypes));
  else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) say('must be an absolute path');
  } else {
    if (!path.startsWith('/')) say('must be an absolute path');
    for (const sequence of badSequences)
      if (path.includes(sequence)) say(`must not contain '${sequence}'`);
    for (const ending of badEndings) if (path.endsWith(ending)) say(`cannot end with '${ending}'`);
  }
  return [...errors, ...backendProblems(backend, `${where}.backend`)];
}

function backendProblems({ service, resource }: IngressBackend, path: string): FieldError[] {
  if (service && resource)
    return [invalid(path, '', 'cannot set both resource and service backends')];
  if (resource) return [];
  if (!service) return [invalid(path, '', 'resource or service backend is required')];
  const { name, number } = service.port ?? {};
  const errors = service.name ? [] : [required(`${path}.service.name`)];
  if (name && number) errors.push(invalid(path, '', 'cannot set both port name & port number'));
  else if (name)
    errors.push(
      ...portNameProblems(name).map((problem) =>
        invalid(`${path}.service.port.name`, name, problem),
      ),
    );
  else if (!number) errors.push(required(path, 'port name or number is required'));
  else if (number < 1 || number > PORT_MAX)
    errors.push(
      invalid(`${path}.service.port.number`, number, 'must be between 1 and 65535, inclusive'),
    );
  return errors;
}
