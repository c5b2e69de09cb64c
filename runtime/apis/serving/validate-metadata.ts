/**
 * Names, labels and annotations of Serving's kinds.
 * Source: knative.dev/serving pkg/apis/serving/metadata_validation.go, v1/revision_validation.go;
 * knative.dev/pkg apis/metadata_validation.go; knative.dev/networking pkg/apis/networking.
 */
import { isDeepStrictEqual } from 'node:util';
import { validateAutoscalingAnnotations } from '../autoscaling/validate-annotations.ts';
import type { AutoscalerConfig } from '../autoscaling/config.ts';
import type { FieldError } from '../meta/field-error.ts';
import { disallowedField, invalidValue, missingField, outOfBounds } from '../meta/field-error.ts';
import { parseGoDuration } from '../meta/go-duration.ts';
import { parseGoFloat } from '../meta/go-parse.ts';
import type { AdmissionContext } from '../meta/kind-definition.ts';
import type { KubeObject } from '../meta/object.ts';
import { canonicalQuantity } from '../schema/quantity.ts';
import {
  autoscalingPrefix,
  creatorAnnotationKey,
  lastModifierAnnotationKey,
  progressDeadlineAnnotationKey,
  rolloutDurationAlternateKey,
  rolloutDurationAnnotationKey,
} from './labels.ts';
import { dns1035Faults, dns1035PrefixFaults } from './name-faults.ts';
import type { RevisionTemplateSpec } from './types.ts';

type Annotations = Readonly<Record<string, string>>;

export function validateObjectMetadata(object: KubeObject): readonly FieldError[] {
  const { annotations = {} } = object.metadata;
  return [
    ...validateName(object),
    ...Object.keys(annotations)
      .filter((key) => key.startsWith(autoscalingPrefix))
      .map((key) => ({
        message: `invalid key name "${key}"`,
        paths: ['metadata.annotations'],
        details:
          'autoscaling annotations must be put under "spec.template.metadata.annotations" to work',
      })),
  ];
}

/** The first thing wrong with the name or its prefix. */
export function validateName({ metadata }: KubeObject): readonly FieldError[] {
  const { name, generateName } = metadata;
  const prefixFaults = generateName ? dns1035PrefixFaults(generateName) : [];
  if (prefixFaults.length > 0)
    return [
      {
        message: `not a DNS 1035 label prefix: [${prefixFaults.join(' ')}]`,
        paths: ['metadata.generateName'],
      },
    ];
  const faults = name ? dns1035Faults(name) : [];
  if (faults.length > 0)
    return [{ message: `not a DNS 1035 label: [${faults.join(' ')}]`, paths: ['metadata.name'] }];
  return name || generateName
    ? []
    : [{ message: 'name or generateName is required', paths: ['metadata.name'] }];
}

/** The rollout duration of a Service or Route: whole seconds, 0 = at once. */
export function validateRolloutDuration({ metadata }: KubeObject): readonly FieldError[] {
  const { annotations = {} } = metadata;
  const key =
    rolloutDurationAnnotationKey in annotations
      ? rolloutDurationAnnotationKey
      : rolloutDurationAlternateKey;
  return validateWholeSeconds(annotations[key], {
    name: 'rollout-duration',
    path: `metadata.annotations.${key}`,
  });
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

/** Paths begin at the template. */
export function validateTemplateMetadata(
  template: RevisionTemplateSpec,
  parent: KubeObject,
  autoscaler: AutoscalerConfig,
): readonly FieldError[] {
  const { annotations = {} } = template.metadata ?? {};
  const path = 'metadata.annotations';
  return [
    ...validateAutoscalingAnnotations(annotations, autoscaler, path),
    ...validateNetworkingAnnotations(annotations, path),
    ...validateTemplateName(template, parent),
    ...validateSidecarAnnotations(annotations, path),
    ...validateWholeSeconds(annotations[progressDeadlineAnnotationKey], {
      name: 'progress-deadline',
      path: `${path}.${progressDeadlineAnnotationKey}`,
    }),
  ];
}

function validateTemplateName(
  { metadata }: RevisionTemplateSpec,
  parent: KubeObject,
): readonly FieldError[] {
  const { name, generateName } = (metadata ?? {}) as { name?: string; generateName?: string };
  const prefixFaults = generateName ? dns1035PrefixFaults(generateName) : [];
  if (prefixFaults.length > 0)
    return [
      invalidValue(
        `not a DNS 1035 label prefix: [${prefixFaults.join(' ')}]`,
        'metadata.generateName',
      ),
    ];
  if (!name) return [];
  const faults = dns1035Faults(name);
  if (faults.length > 0)
    return [invalidValue(`not a DNS 1035 label: [${faults.join(' ')}]`, 'metadata.name')];
  if (!parent.metadata.name && parent.metadata.generateName)
    return [disallowedField('metadata.name')];
  const prefix = `${parent.metadata.name ?? ''}-`;
  if (name.startsWith(prefix)) return [];
  return [invalidValue(`"${name}" must have prefix "${prefix}"`, 'metadata.name')];
}

const networking = 'networking.knative.dev';
const networkingAnnotations = new Set(
  [
    'ingress-class',
    'ingress.class',
    'certificate-class',
    'certificate.class',
    'disable-auto-tls',
    'disableAutoTLS',
    'disable-external-domain-tls',
    'http-protocol',
    'httpOption',
  ].map((name) => `${networking}/${name}`),
);

const validateNetworkingAnnotations = (
  annotations: Annotations,
  path: string,
): readonly FieldError[] =>
  Object.keys(annotations)
    .filter((key) => key.startsWith(networking) && !networkingAnnotations.has(key))
    .map((key) => ({ message: `invalid key name "${key}"`, paths: [path] }));

const sidecar = 'queue.sidecar.serving.knative.dev';
const sidecarQuantities = ['cpu', 'memory', 'ephemeral-storage'].flatMap((resource) =>
  ['request', 'limit'].map((what) => `${sidecar}/${resource}-resource-${what}`),
);
const PERCENTAGE_MIN = 0.1;

/** What the sidecar of a cluster may use; Knit has none, but keeps out what a cluster would refuse. */
function validateSidecarAnnotations(annotations: Annotations, path: string): readonly FieldError[] {
  const errors: FieldError[] = [];
  const key = [`${sidecar}/resource-percentage`, `${sidecar}/resourcePercentage`].find(
    (candidate) => candidate in annotations,
  );
  if (key !== undefined) {
    const text = annotations[key] ?? '';
    const parsed = parseGoFloat(text);
    // The dots of a key keep upstream from attaching it as it does an index.
    const at = `${path}.[${key}]`;
    if ('error' in parsed) errors.push(invalidValue(text, at));
    else if (parsed.value < PERCENTAGE_MIN || parsed.value > 100)
      errors.push(outOfBounds(parsed.value, PERCENTAGE_MIN, 100, at));
  }
  for (const name of sidecarQuantities) {
    const text = annotations[name];
    if (text !== undefined && !isQuantity(text))
      errors.push(invalidValue(text, `${path}.[${name}]`));
  }
  return errors;
}

function isQuantity(text: string): boolean {
  try {
    canonicalQuantity(text);
    return true;
  } catch {
    return false;
  }
}

function validateWholeSeconds(
  text: string | undefined,
  { name, path }: { readonly name: string; readonly path: string },
): readonly FieldError[] {
  if (!text) return [];
  const valueMs = parseGoDuration(text);
  if (valueMs === undefined) return [invalidValue(text, path)];
  if (valueMs % 1_000 !== 0)
    return [{ message: `${name}=${text} is not at second precision`, paths: [path] }];
  return valueMs < 0 ? [{ message: `${name}=${text} must be positive`, paths: [path] }] : [];
}

/**
 * The creator never changes; the last modifier changes with the spec only. Objects that others own
 * have both from their owner.
 */
export function validateUsers(
  object: KubeObject & { spec?: unknown },
  context: AdmissionContext,
): readonly FieldError[] {
  const old: typeof object | undefined = context.old;
  if (!old || object.metadata.ownerReferences !== undefined) return [];
  const before = old.metadata.annotations ?? {};
  const after = object.metadata.annotations ?? {};
  const isChanged = (key: string): boolean => (before[key] ?? '') !== (after[key] ?? '');
  const errors: FieldError[] = [];
  if (isChanged(creatorAnnotationKey))
    errors.push({
      message: 'annotation value is immutable',
      paths: [`metadata.annotations.${creatorAnnotationKey}`],
    });
  if (isChanged(lastModifierAnnotationKey) && isDeepStrictEqual(old.spec, object.spec))
    errors.push(
      invalidValue(
        after[lastModifierAnnotationKey] ?? '',
        `metadata.annotations.${lastModifierAnnotationKey}`,
      ),
    );
  return errors;
}
