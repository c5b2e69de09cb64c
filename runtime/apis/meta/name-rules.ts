/**
 * What names, labels and keys may look like, and in which words the API refuses them: clients and
 * their tests match on these. Each function returns the problems of a text; none when it is valid.
 * Pure. Source: k8s.io/apimachinery pkg/util/validation (rules and words).
 */
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = String.raw`${LABEL}(\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const LABEL_LENGTH_MAX = 63;
const SUBDOMAIN_LENGTH_MAX = 253;

const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const labelPattern = whole(LABEL);
const subdomainPattern = whole(SUBDOMAIN);
const label1035Pattern = whole(LABEL_1035);
const keyPattern = whole(KEY);
const valuePattern = whole(`(${KEY})?`);

const tooLong = (lengthMax: number, unit = 'characters'): string =>
  `must be no more than ${lengthMax} ${unit}`;

/** `rule (e.g. 'a',  or 'b', regex used for validation is '...')`, doubled blank included. */
const misfit = (rule: string, pattern: string, examples: readonly string[]): string =>
  `${rule} (e.g. ${examples.map((example) => `'${example}', `).join(' or ')}regex used for validation is '${pattern}')`;

const edges = 'must start and end with an alphanumeric character';

/** A DNS subdomain, as most objects are named: `example.com`. */
export function subdomainProblems(text: string): string[] {
  const problems = text.length > SUBDOMAIN_LENGTH_MAX ? [tooLong(SUBDOMAIN_LENGTH_MAX)] : [];
  if (!subdomainPattern.test(text))
    problems.push(
      misfit(
        `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and ${edges}`,
        SUBDOMAIN,
        ['example.com'],
      ),
    );
  return problems;
}

/** A DNS label: `my-name`, `123-abc`. */
export function dnsLabelProblems(text: string): string[] {
  const problems = text.length > LABEL_LENGTH_MAX ? [tooLong(LABEL_LENGTH_MAX)] : [];
  if (labelPattern.test(text)) return problems;
  problems.push(
    subdomainPattern.test(text)
      ? 'must not contain dots'
      : misfit(
          `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and ${edges}`,
          LABEL,
          ['my-name', '123-abc'],
        ),
  );
  return problems;
}

/** A DNS label that starts with a letter: `my-name`, `abc-123`. */
export function dns1035LabelProblems(text: string): string[] {
  const problems = text.length > LABEL_LENGTH_MAX ? [tooLong(LABEL_LENGTH_MAX)] : [];
  if (!label1035Pattern.test(text))
    problems.push(
      misfit(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        LABEL_1035,
        ['my-name', 'abc-123'],
      ),
    );
  return problems;
}

/** Anything that fits between two slashes of a path. */
export function pathSegmentProblems(text: string): string[] {
  if (text === '.' || text === '..') return [`may not be '${text}'`];
  return ['/', '%']
    .filter((character) => text.includes(character))
    .map((character) => `may not contain '${character}'`);
}

const keyRule = `must consist of alphanumeric characters, '-', '_' or '.', and ${edges}`;
const keyExamples = ['MyName', 'my.name', '123-abc'];

/** The key of a label, `name` or `prefix.example.com/name`. */
export const labelKeyProblems = (text: string): string[] => keyProblems(text, 'a valid label key');
/** The same rule for finalizers and others, whose complaint about a second slash reads otherwise. */
export const qualifiedNameProblems = (text: string): string[] =>
  keyProblems(text, 'a qualified name');

function keyProblems(text: string, subject: string): string[] {
  const parts = text.split('/');
  if (parts.length > 2)
    return [
      `${subject} ${misfit(keyRule, KEY, keyExamples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  const problems: string[] = [];
  const name = parts.at(-1) ?? '';
  if (parts.length === 2) {
    const [prefix = ''] = parts;
    const found = prefix === '' ? ['must be non-empty'] : subdomainProblems(prefix);
    problems.push(...found.map((problem) => `prefix part ${problem}`));
  }
  if (name === '') problems.push('name part must be non-empty');
  else if (name.length > LABEL_LENGTH_MAX)
    problems.push(`name part ${tooLong(LABEL_LENGTH_MAX, 'bytes')}`);
  if (!keyPattern.test(name)) problems.push(`name part ${misfit(keyRule, KEY, keyExamples)}`);
  return problems;
}

/** The value of a label; it may be empty. */
export function labelValueProblems(text: string): string[] {
  const problems = text.length > LABEL_LENGTH_MAX ? [tooLong(LABEL_LENGTH_MAX, 'bytes')] : [];
  if (!valuePattern.test(text))
    problems.push(
      misfit(
        `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and ${edges}`,
        `(${KEY})?`,
        ['MyValue', 'my_value', '12345'],
      ),
    );
  return problems;
}

const PORT_NAME_LENGTH_MAX = 15;

/** The name of a port: of IANA's service names. */
export function portNameProblems(name: string): string[] {
  const problems: string[] = [];
  if (name.length > PORT_NAME_LENGTH_MAX) problems.push(tooLong(PORT_NAME_LENGTH_MAX));
  if (!/^[-a-z0-9]+$/.test(name))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) problems.push('must contain at least one letter (a-z)');
  if (name.includes('--')) problems.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-'))
    problems.push('must not begin or end with a hyphen');
  return problems;
}
