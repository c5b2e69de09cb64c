/** What a PersistentVolumeClaim must ask for. Pure. Source: k8s.io/kubernetes pkg/apis/core/validation (rules, words). */
import type { FieldError } from '../meta/field-error.ts';
import { forbidden, invalid, notSupported, oneOf, required } from '../meta/field-rule.ts';
import { subdomainProblems } from '../meta/name-rules.ts';
import { quantityOf } from './resource-list.ts';
import type { PersistentVolumeClaim } from './types.ts';

const SINGLE = 'ReadWriteOncePod';
const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', SINGLE];

export function validateClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  const modes = spec?.accessModes ?? [];
  const storage = spec?.resources?.requests?.['storage'];
  const className = spec?.storageClassName ?? '';
  const path = 'spec.resources[storage]';
  return [
    ...(modes.length === 0
      ? [required('spec.accessModes', 'at least 1 access mode is required')]
      : []),
    ...modes
      .filter((mode) => !accessModes.includes(mode))
      .map((mode) => notSupported('spec.accessModes', mode, accessModes)),
    ...(modes.includes(SINGLE) && modes.length > 1
      ? [forbidden('spec.accessModes', 'may not use ReadWriteOncePod with other access modes')]
      : []),
    ...(storage === undefined ? [required(path)] : []),
    ...(storage !== undefined && quantityOf(storage).nanos <= 0n
      ? [invalid(path, storage, 'must be greater than zero')]
      : []),
    ...(className === ''
      ? []
      : subdomainProblems(className).map((problem) =>
          invalid('spec.storageClassName', className, problem),
        )),
    ...oneOf('spec.volumeMode', spec?.volumeMode, ['Block', 'Filesystem']),
  ];
}
