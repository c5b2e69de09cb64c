/**
 * Variables that only AWS's provider resolves (`${ssm:}`, `${cf:}`, `${s3:}`, `${aws:}`), rewritten to
 * ones that every provider has. Pure.
 */
import type { Verdict } from './setting.ts';

const fixed: Readonly<Record<string, string>> = {
  'aws:accountId': '000000000000',
  'aws:region': 'us-east-1',
  'aws:partition': 'aws',
  'AWS::AccountId': '000000000000',
  'AWS::Region': 'us-east-1',
  'AWS::Partition': 'aws',
};

/** The beginning of `${ssm:/a/b}`, `${ssm(eu-west-1, raw):/a/b}`, `${cf:stack.Output}`, `${s3:bucket/key}`. */
const awsVariable = /\$\{\s*(ssm|cf|s3|aws)(?:\([^)]*\))?:/g;
/** Of serverless-pseudo-parameters. */
const pseudoVariable = /#\{(AWS::\w+)\}/g;

/** @returns undefined where there is nothing to rewrite. */
export function mapVariables(text: string): { text: string; verdict: Verdict } | undefined {
  const asked: string[] = [];
  let isFixed = false;
  const next = replaceVariables(text, (source, address, fallback) => {
    const value = source === 'aws' ? fixed[`aws:${address.trim()}`] : undefined;
    if (value !== undefined) {
      isFixed = true;
      return value;
    }
    const name = environmentName(address);
    asked.push(name);
    return `\${env:${name}${fallback}}`;
  }).replace(pseudoVariable, (whole, name: string) => {
    const value = fixed[name];
    if (value !== undefined) isFixed = true;
    return value ?? whole;
  });
  if (asked.length > 0)
    return {
      text: next,
      verdict: {
        status: 'manual',
        reason: 'its value is stored at AWS',
        todo: `export ${asked.join(' and ')} before you deploy, or write it to a .env file`,
      },
    };
  return isFixed
    ? { text: next, verdict: { status: 'mapped', reason: 'AWS’s own values are fixed ones here' } }
    : undefined;
}

/** Variables may hold others, so their ends are found by counting braces. */
function replaceVariables(
  text: string,
  replace: (source: string, address: string, fallback: string) => string,
): string {
  let out = '';
  let from = 0;
  for (const match of text.matchAll(awsVariable)) {
    if (match.index < from) continue;
    const start = match.index + match[0].length;
    let depth = 1;
    let comma = -1;
    let end = start;
    for (; end < text.length && depth > 0; end++) {
      if (text[end] === '{') depth += 1;
      else if (text[end] === '}') depth -= 1;
      else if (text[end] === ',' && depth === 1 && comma === -1) comma = end;
    }
    if (depth > 0) break; // It never ends: the framework says so.
    const last = end - 1;
    const address = text.slice(start, comma === -1 ? last : comma);
    const fallback = comma === -1 ? '' : text.slice(comma, last);
    out += text.slice(from, match.index) + replace(match[1] ?? '', address, fallback);
    from = end;
  }
  return out + text.slice(from);
}

/** `/prod/db/password~true` -> `PROD_DB_PASSWORD`; variables within are left out. */
const environmentName = (address: string): string =>
  address
    .replace(/\$\{[^}]*\}/g, '')
    .replace(/~(true|split)$/, '')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toUpperCase();
