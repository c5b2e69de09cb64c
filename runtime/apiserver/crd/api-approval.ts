/**
 * The mark that definitions in Kubernetes' own groups carry: which API review has seen the kind, or
 * that none has. Pure. Source: k8s.io/apiextensions-apiserver pkg/apihelpers (rules and words).
 */
import type { CustomResourceDefinition } from '../../apis/apiextensions/types.ts';

export const approvalAnnotation = 'api-approved.kubernetes.io';

const protectedGroupPattern = /(?:^|\.)(?:k8s|kubernetes)\.io$/;
const REVIEW = 'https://github.com/kubernetes/enhancements/pull/1111';

export interface Approval {
  readonly state: 'Approved' | 'Unapproved' | 'Missing' | 'Invalid';
  readonly text: string;
}

/** @returns undefined for groups that are nobody's but their owners'. */
export function approvalOf({ metadata, spec }: CustomResourceDefinition): Approval | undefined {
  if (!protectedGroupPattern.test(spec.group)) return undefined;
  const value = metadata.annotations?.[approvalAnnotation];
  const needed = `protected groups must have approval annotation "${approvalAnnotation}"`;
  if (!value) return { state: 'Missing', text: `${needed}, see ${REVIEW}` };
  if (value.startsWith('unapproved'))
    return { state: 'Unapproved', text: `not approved: ${JSON.stringify(value)}` };
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/]+/i.test(value))
    return { state: 'Approved', text: `approved in ${value}` };
  return {
    state: 'Invalid',
    text: `${needed} with either a URL or a reason starting with "unapproved", see ${REVIEW}`,
  };
}
