/** Columns that all kinds with a pod template have in common. */
import type { PrinterColumn } from '../meta/kind-definition.ts';

export const ageColumn: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
};

/** @param template the path of the template, e.g. `.spec.template` */
export const templateColumns = (template: string): readonly PrinterColumn[] => [
  {
    name: 'Containers',
    type: 'string',
    jsonPath: `${template}.spec.containers[*].name`,
    priority: 1,
  },
  { name: 'Images', type: 'string', jsonPath: `${template}.spec.containers[*].image`, priority: 1 },
];
