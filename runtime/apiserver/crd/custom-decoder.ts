/**
 * Decodes objects of kinds that a CRD brought: fields that their schema does not know are dropped,
 * told or refused. Other kinds go to the next decoder.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Resource } from '../kind-registry.ts';
import { asWarnings, type DecodeOptions, type ObjectDecoder } from '../object-decoder.ts';
import { StatusError } from '../status-error.ts';
import { pruneObject } from './pruning.ts';

export class CustomDecoder implements ObjectDecoder {
  private readonly next: ObjectDecoder | undefined;

  constructor(next?: ObjectDecoder) {
    this.next = next;
  }

  decode(resource: Resource, object: KubeObject, options: DecodeOptions): KubeObject {
    const { schema } = resource.definition;
    if (!schema) return this.next?.decode(resource, object, options) ?? object;
    const unknown: string[] = [];
    const pruned = pruneObject(object, schema, unknown);
    const problems = [
      ...options.parseProblems,
      ...unknown.sort().map((path) => `unknown field ${JSON.stringify(path)}`),
    ];
    if (problems.length === 0 || options.fieldValidation === 'Ignore') return pruned;
    if (options.fieldValidation === 'Warn') {
      options.warnings.push(...asWarnings(problems));
      return pruned;
    }
    const { kind, version } = resource;
    throw StatusError.badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: strict decoding error: ${problems.join(', ')}`,
    );
  }
}
