/**
 * What is wrong with a name, in Kubernetes' words, as Knative passes them on.
 * Source: k8s.io/apimachinery pkg/util/validation (behaviour).
 */
const LABEL_LENGTH_MAX = 63;
const SUBDOMAIN_LENGTH_MAX = 253;
const dns1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const dns1035Rule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const namePart = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const namePartRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

const tooLong = (max: number): string => `must be no more than ${max} characters`;

/** Empty when it is a DNS-1035 label. */
export function dns1035Faults(name: string): readonly string[] {
  return [
    ...(name.length > LABEL_LENGTH_MAX ? [tooLong(LABEL_LENGTH_MAX)] : []),
    ...(dns1035.test(name) ? [] : [dns1035Rule]),
  ];
}

/** A prefix for generated names may end in a dash: the last two characters count as a letter. */
export const dns1035PrefixFaults = (prefix: string): readonly string[] =>
  dns1035Faults(prefix.endsWith('-') && prefix.length > 1 ? `${prefix.slice(0, -2)}a` : prefix);

export function dns1123SubdomainFaults(name: string): readonly string[] {
  return [
    ...(name.length > SUBDOMAIN_LENGTH_MAX ? [tooLong(SUBDOMAIN_LENGTH_MAX)] : []),
    ...(subdomain.test(name) ? [] : [subdomainRule]),
  ];
}

export function dns1123LabelFaults(name: string): readonly string[] {
  return [
    ...(name.length > LABEL_LENGTH_MAX ? [tooLong(LABEL_LENGTH_MAX)] : []),
    ...(label.test(name) ? [] : [labelRule]),
  ];
}

/** `name`, or `prefix.example.com/name`. */
export function qualifiedNameFaults(text: string): readonly string[] {
  const parts = text.split('/');
  const [first = '', second] = parts;
  const name = second ?? first;
  const faults: string[] = [];
  if (parts.length > 2)
    return [
      "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ];
  if (second !== undefined) {
    if (first === '') faults.push('prefix part must be non-empty');
    else faults.push(...dns1123SubdomainFaults(first).map((fault) => `prefix part ${fault}`));
  }
  if (name === '') faults.push('name part must be non-empty');
  else if (name.length > LABEL_LENGTH_MAX) faults.push(`name part ${tooLong(LABEL_LENGTH_MAX)}`);
  if (!namePart.test(name)) faults.push(`name part ${namePartRule}`);
  return faults;
}
