/** Names that a definition gives to its kind, and how a wrong one reads. Pure. */
const labelPattern = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_LENGTH_MAX = 63;
const labelText = `a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`;

/** @returns undefined when the text is a DNS label as RFC 1035 has it. */
export function dnsLabel1035Problem(text: string): string | undefined {
  const problems: string[] = [];
  if (text.length > LABEL_LENGTH_MAX)
    problems.push(`must be no more than ${LABEL_LENGTH_MAX} bytes`);
  if (!labelPattern.test(text)) problems.push(labelText);
  return problems.length === 0 ? undefined : problems.join(',');
}
