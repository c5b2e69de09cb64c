/** What the volumes of a Pod and the mounts of its containers must say. Pure. Source: k8s.io/kubernetes pkg/apis/core/validation (rules, words). */
import type { FieldError } from '../meta/field-error.ts';
import { duplicate, forbidden, invalid, notFound, required } from '../meta/field-rule.ts';
import { dnsLabelProblems } from '../meta/name-rules.ts';
import type { Container, PodSpec, Volume } from './types.ts';

const MODE_MAX = 0o777;
const MODE_RULE = 'must be a number between 0 and 0777 (octal), both inclusive';
const BACKSTEPS_RULE = "must not contain '..'";
/** In the order in which upstream finds that there is one too many. */
const sources = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'secret',
  'nfs',
  'iscsi',
  'persistentVolumeClaim',
  'downwardAPI',
  'fc',
  'configMap',
  'projected',
  'csi',
  'ephemeral',
  'image',
] as const;

export function validateVolumes(spec: PodSpec, path: string): FieldError[] {
  const names = new Set<string>();
  return (spec.volumes ?? []).flatMap((volume, index) => {
    const where = `${path}.volumes[${index}]`;
    const errors = sourceProblems(volume, where);
    const { name } = volume ?? {};
    if (!name) errors.push(required(`${where}.name`));
    else if (names.has(name)) errors.push(duplicate(`${where}.name`, name));
    else
      errors.push(
        ...dnsLabelProblems(name).map((problem) => invalid(`${where}.name`, name, problem)),
      );
    names.add(name);
    return errors;
  });
}

function sourceProblems(volume: Volume, path: string): FieldError[] {
  const present = sources.filter((source) => volume?.[source] !== undefined);
  return present.flatMap((source, index) =>
    index === 0
      ? oneSource(source, volume[source] as Readonly<Record<string, unknown>>, `${path}.${source}`)
      : [forbidden(`${path}.${source}`, 'may not specify more than 1 volume type')],
  );
}

function oneSource(
  source: (typeof sources)[number],
  value: Readonly<Record<string, unknown>>,
  path: string,
): FieldError[] {
  const must = (field: string): FieldError[] =>
    value[field] ? [] : [required(`${path}.${field}`)];
  switch (source) {
    case 'hostPath': {
      const given = value['path'];
      if (typeof given !== 'string' || given === '') return must('path');
      return hasBacksteps(given) ? [invalid(`${path}.path`, given, BACKSTEPS_RULE)] : [];
    }
    case 'secret':
      return [...must('secretName'), ...modeProblems(value, path)];
    case 'configMap':
      return [...must('name'), ...modeProblems(value, path)];
    case 'persistentVolumeClaim':
      return must('claimName');
    case 'projected':
    case 'downwardAPI':
      return modeProblems(value, path);
    default:
      return [];
  }
}

function modeProblems(
  { defaultMode: mode }: Readonly<Record<string, unknown>>,
  path: string,
): FieldError[] {
  return typeof mode === 'number' && (mode < 0 || mode > MODE_MAX)
    ? [invalid(`${path}.defaultMode`, mode, MODE_RULE)]
    : [];
}

const hasBacksteps = (path: string): boolean => path.split('/').includes('..');

export function validateMounts(container: Container, path: string, spec: PodSpec): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume?.name));
  const paths = new Set<string>();
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const where = `${path}.volumeMounts[${index}]`;
    const errors: FieldError[] = [];
    if (!mount?.name) errors.push(required(`${where}.name`));
    else if (!volumes.has(mount.name)) errors.push(notFound(`${where}.name`, mount.name));
    if (!mount?.mountPath) errors.push(required(`${where}.mountPath`));
    else if (paths.has(mount.mountPath))
      errors.push(invalid(`${where}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount?.mountPath);
    const { subPath } = mount ?? {};
    // As upstream, which forgets the index here.
    if (subPath?.startsWith('/'))
      errors.push(invalid(`${path}.volumeMounts.subPath`, subPath, 'must be a relative path'));
    else if (subPath && hasBacksteps(subPath))
      errors.push(invalid(`${path}.volumeMounts.subPath`, subPath, BACKSTEPS_RULE));
    return errors;
  });
}
