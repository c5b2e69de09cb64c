/**
 * What the writer's own steps leave out for kinds that a CRD brought: no create while the kind is
 * going, and a schema for status writes too.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission/admission-chain.ts';
import { assertNoFieldErrors } from '../object-validation.ts';
import { StatusError } from '../status-error.ts';
import { conform } from './make-custom-kind.ts';
import { validateCustomStatus } from './validate-custom-object.ts';

export class CustomAdmission implements AdmissionPlugin {
  mutate({
    operation,
    resource,
    subresource,
    name,
    object,
  }: AdmissionRequest): KubeObject | undefined {
    const { refusesCreate, schema } = resource.definition;
    if (operation === 'CREATE' && subresource === undefined && refusesCreate)
      throw StatusError.forbidden(resource, name, refusesCreate);
    if (!object || !schema || subresource !== 'status') return object;
    return conform(object, schema);
  }

  validate({ resource, subresource, object, oldObject, warnings }: AdmissionRequest): void {
    const { schema } = resource.definition;
    if (!object || !schema || subresource !== 'status') return;
    const errors = validateCustomStatus({ object, old: oldObject, schema, warnings });
    assertNoFieldErrors(resource, object, errors);
  }
}
