/**
 * The kind CustomResourceDefinition itself: defaults, validation, columns.
 * Source: k8s.io/apiextensions-apiserver pkg/apis/apiextensions/v1 and pkg/registry (behaviour).
 */
import {
  cleanupFinalizer,
  customResourceDefinitionKind,
  type CustomResourceDefinition,
} from '../../apis/apiextensions/types.ts';
import type { KindDefinition } from '../../apis/meta/kind-definition.ts';
import { isJsonObject } from '../json-value.ts';
import { withCondition } from './definition-status.ts';
import { validateDefinition, warnOfFormats } from './validate-definition.ts';

const definition: KindDefinition<CustomResourceDefinition> = {
  ...customResourceDefinitionKind,
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  hasStatus: true,
  deletionFinalizer: cleanupFinalizer,
  markDeleted: (crd, time) => ({
    ...crd,
    status: {
      ...crd.status,
      conditions: withCondition(
        crd.status?.conditions ?? [],
        {
          type: 'Terminating',
          status: 'True',
          reason: 'InstanceDeletionPending',
          message:
            'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
        },
        time,
      ),
    },
  }),
  columns: [{ name: 'Created At', type: 'date', jsonPath: '.metadata.creationTimestamp' }],
  cells: ({ metadata }) => [metadata.creationTimestamp ?? '<unknown>'],
  applyDefaults: applyDefinitionDefaults,
  validate: (object, { old, warnings }) => {
    const before = old as CustomResourceDefinition | undefined;
    const errors = validateDefinition(object, before);
    if (errors.length === 0) warnings?.push(...warnOfFormats(object, before));
    return errors;
  },
};

export const definitionOfDefinitions = definition as unknown as KindDefinition;

/** Also what the server itself sets: which versions objects may be stored in. */
function applyDefinitionDefaults(object: CustomResourceDefinition): CustomResourceDefinition {
  const spec: unknown = object.spec;
  if (!isJsonObject(spec) || !isJsonObject(spec['names'])) return object;
  const { names, versions, conversion } = object.spec;
  const kind: unknown = names.kind;
  const lowerKind = typeof kind === 'string' ? kind.toLowerCase() : '';
  const stored = Array.isArray(versions)
    ? versions.find((version) => isJsonObject(version) && version.storage)?.name
    : undefined;
  const known = object.status?.storedVersions ?? [];
  const storedVersions =
    stored === undefined || known.includes(stored) ? known : [...known, stored];
  const port = conversion?.webhook?.clientConfig?.service;
  return {
    ...object,
    spec: {
      ...object.spec,
      names: {
        ...names,
        ...(names.kind
          ? {
              singular: names.singular || lowerKind,
              listKind: names.listKind || `${names.kind}List`,
            }
          : {}),
      },
      conversion: conversion
        ? port && conversion.webhook?.clientConfig
          ? {
              ...conversion,
              webhook: {
                ...conversion.webhook,
                clientConfig: {
                  ...conversion.webhook.clientConfig,
                  service: { ...port, port: port.port ?? 443 },
                },
              },
            }
          : conversion
        : { strategy: 'None' },
    },
    status: {
      // As upstream, until the server has looked at it.
      conditions: null,
      acceptedNames: { kind: '', plural: '' },
      ...object.status,
      storedVersions,
    },
  };
}
