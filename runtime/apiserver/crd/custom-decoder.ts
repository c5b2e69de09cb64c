/**
 * Decodes objects of kinds that a CRD brought: fields that their schema does not know are dropped,
 * told or refused. Other kinds go to the next decoder.
 */
import type { KubeObject } from '../../apis/meta/object.ts';
import type { Resource } from '../kind-registry.ts';
import type { DecodeOptions, ObjectDecoder } from '../object-decoder.ts';
import { StatusError } from '../status-error.ts';
import { reportProblems } from '../schema/builtin-decoder.ts';
import { EmbeddedMetadataError, pruneEmbeddedMetadata } from './embedded-objects.ts';
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
    const inMetadata: string[] = [];
    const decoded = decodeMetadata(resource, pruned, inMetadata);
    const problems = [
      ...options.parseProblems,
      ...[...unknown.sort(), ...inMetadata].map((path) => `unknown field ${JSON.stringify(path)}`),
    ];
    reportProblems(resource, object, problems, options);
    return decoded;
  }
}

/** Its own metadata, and that of objects inside of it. @throws {StatusError} 400 */
function decodeMetadata(resource: Resource, object: KubeObject, removed: string[]): KubeObject {
  const { kind, version, definition } = resource;
  try {
    return pruneEmbeddedMetadata(object, definition.schema ?? {}, {
      path: '',
      isObject: true,
      removed,
    });
  } catch (error) {
    if (!(error instanceof EmbeddedMetadataError)) throw error;
    throw StatusError.badRequest(
      `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: ${error.message}`,
    );
  }
}
