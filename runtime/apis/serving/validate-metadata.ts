/**
 * Names, labels and annotations of Serving's kinds.
 * Source: knative.dev/serving pkg/apis/serving/metadata_validation.go; error texts: its tests.
 */
import { validateAutoscalingAnnotations } from '../autoscaling/annotations.ts';
import type { AutoscalerConfig } from '../autoscaling/config.ts';
import type { FieldError } from '../meta/field-error.ts';
import { invalidValue, missingField } from '../meta/field-error.ts';
import { parseGoDuration } from '../meta/go-duration.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import {
  autoscalingPrefix,
  creatorAnnotationKey,
  lastModifierAnnotationKey,
  progressDeadlineAnnotationKey,
  rolloutDurationAlternateKey,
  rolloutDurationAnnotationKey,
} from './labels.ts';
import type { RevisionTemplateSpec } from './types.ts';

const LABEL_LENGTH_MAX = 63;
const dns1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const dns1035Rule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

/** What is wrong with a DNS-1035 label, in Kubernetes' words; undefined when nothing is. */
export function dns1035Fault(name: string): string | undefined {
  if (name.length > LABEL_LENGTH_MAX) return `must be no more than ${LABEL_LENGTH_MAX} characters`;
  return dns1035.test(name) ? undefined : dns1035Rule;
}

export function validateObjectMetadata(
  object: KubeObject,
  context: AdmissionContext,
): readonly FieldError[] {
  const { name, generateName, annotations = {} } = object.metadata;
  const errors: FieldError[] = [];
  if (!name && !generateName)
    errors.push({ message: 'name or generateName is required', paths: ['metadata.name'] });
  const fault = name ? dns1035Fault(name) : undefined;
  if (fault) errors.push({ message: `not a DNS 1035 label: [${fault}]`, paths: ['metadata.name'] });
  for (const key of Object.keys(annotations))
    if (key.startsWith(autoscalingPrefix))
      errors.push({
        message: `invalid key name "${key}"`,
        paths: ['metadata.annotations'],
        details: `autoscaling annotations must be put under "spec.template.metadata.annotations" to work`,
      });
  for (const key of [rolloutDurationAnnotationKey, rolloutDurationAlternateKey])
    errors.push(
      ...validateWholeSeconds(annotations, key, { path: 'metadata.annotations', isZeroFine: true }),
    );
  errors.push(...validateUsers(object, context));
  return errors;
}

/** A label that claims an owner must name the owner. */
export function validateOwnerLabel(
  object: KubeObject,
  ownerKind: string,
  labelKey: string,
): readonly FieldError[] {
  const claimed = object.metadata.labels?.[labelKey];
  if (claimed === undefined) return [];
  const isTrue = (object.metadata.ownerReferences ?? []).some(
    (owner) => owner.kind === ownerKind && owner.name === claimed,
  );
  return isTrue ? [] : [missingField(`metadata.labels.${labelKey}`)];
}

export function validateTemplateMetadata(
  template: RevisionTemplateSpec,
  parent: KubeObject,
  options: { readonly autoscaler: AutoscalerConfig; readonly context: AdmissionContext },
): readonly FieldError[] {
  const path = 'spec.template.metadata';
  const { name, annotations } = template.metadata ?? {};
  const errors: FieldError[] = [];
  if (name !== undefined && name !== '') {
    const fault = dns1035Fault(name);
    if (fault)
      errors.push({ message: `not a DNS 1035 label: [${fault}]`, paths: [`${path}.name`] });
    if (!parent.metadata.name && parent.metadata.generateName)
      errors.push({ message: 'must not set the field(s)', paths: [`${path}.name`] });
    else if (!name.startsWith(`${parent.metadata.name}-`))
      errors.push({
        message: `invalid value: "${name}" must have prefix "${parent.metadata.name}-"`,
        paths: [`${path}.name`],
      });
  }
  errors.push(
    ...validateRevisionAnnotations(annotations, options.autoscaler, `${path}.annotations`),
  );
  return errors;
}

/** Annotations of a template, which become those of the Revision. */
export function validateRevisionAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  autoscaler: AutoscalerConfig,
  path: string,
): readonly FieldError[] {
  return [
    ...validateAutoscalingAnnotations(annotations, autoscaler, path),
    ...validateWholeSeconds(annotations ?? {}, progressDeadlineAnnotationKey, {
      path,
      isZeroFine: false,
    }),
  ];
}

function validateWholeSeconds(
  annotations: Readonly<Record<string, string>>,
  key: string,
  options: { readonly path: string; readonly isZeroFine: boolean },
): readonly FieldError[] {
  const text = annotations[key];
  if (text === undefined) return [];
  const path = `${options.path}.${key}`;
  const valueMs = parseGoDuration(text);
  if (valueMs === undefined) return [invalidValue(text, path, `time: invalid duration "${text}"`)];
  if (valueMs % 1_000 !== 0)
    return [{ message: `${key}=${text} is not at second precision`, paths: [path] }];
  if (valueMs < 0 || (valueMs === 0 && !options.isZeroFine))
    return [{ message: `${key}=${text} must be positive`, paths: [path] }];
  return [];
}

/** The creator never changes; the last modifier changes with the spec only, and only the server writes it. */
function validateUsers(object: KubeObject, context: AdmissionContext): readonly FieldError[] {
  if (!context.old) return [];
  const before = context.old.metadata.annotations ?? {};
  const after = object.metadata.annotations ?? {};
  const isOwned = (object.metadata.ownerReferences?.length ?? 0) > 0;
  const errors: FieldError[] = [];
  const immutable = (key: string): void => {
    errors.push({
      message: 'annotation value is immutable',
      paths: [`metadata.annotations.${key}`],
    });
  };
  const creator = before[creatorAnnotationKey];
  if (!isOwned && creator !== undefined && after[creatorAnnotationKey] !== creator)
    immutable(creatorAnnotationKey);
  const modifier = after[lastModifierAnnotationKey];
  const isPlausible =
    modifier === before[lastModifierAnnotationKey] || modifier === context.userName;
  if (!isOwned && before[lastModifierAnnotationKey] !== undefined && !isPlausible)
    immutable(lastModifierAnnotationKey);
  return errors;
}
