/**
 * Asks a CRD's conversion webhook, many objects per call and as few calls as their size allows.
 * Decides nothing about when to convert: that is object-versions.ts.
 * Source: k8s.io/apiextensions-apiserver pkg/apiserver/conversion/webhook_converter.go (behaviour).
 */
import type { WebhookClientConfig } from '../../apis/apiextensions/types.ts';
import type { KubeObject } from '../../apis/meta/object.ts';
import type { WebhookClient } from '../admission/webhook-client.ts';
import { StatusError } from '../status-error.ts';
import { formatKind, makeConversionReview, readConvertedObjects } from './conversion-review.ts';

/** As upstream; nothing configures it. */
const TIMEOUT_SECONDS = 30;
/** Per call: an answer that is twice as long still passes the client's limit for one. */
const BATCH_BYTES_MAX = 2 * 1024 * 1024;
const BATCH_OBJECTS_MAX = 500;

export interface WebhookConversion {
  readonly clientConfig: WebhookClientConfig;
  readonly reviewVersions: readonly string[];
}

export class ConversionWebhook {
  private readonly client: WebhookClient;
  private readonly newUid: () => string;

  constructor(options: { client: WebhookClient; newUid: () => string }) {
    this.client = options.client;
    this.newUid = options.newUid;
  }

  /**
   * @param objects none of them in the desired version.
   * @returns them in their order, their metadata restored. @throws {StatusError} 500
   */
  async convert(
    webhook: WebhookConversion,
    objects: readonly KubeObject[],
    desiredApiVersion: string,
  ): Promise<KubeObject[]> {
    const converted: KubeObject[] = [];
    for (const batch of batches(objects))
      converted.push(...(await this.convertBatch(webhook, batch, desiredApiVersion)));
    return converted;
  }

  private async convertBatch(
    { clientConfig, reviewVersions }: WebhookConversion,
    objects: readonly KubeObject[],
    desiredApiVersion: string,
  ): Promise<KubeObject[]> {
    const question = { reviewVersions, objects, desiredApiVersion, uid: this.newUid() };
    try {
      const review = makeConversionReview(question);
      const answer = await this.client
        .post(clientConfig, review, TIMEOUT_SECONDS)
        .catch((error: unknown) => {
          const [first] = objects;
          const kind = formatKind(first?.apiVersion, first?.kind);
          throw new Error(`conversion webhook for ${kind} failed: ${(error as Error).message}`, {
            cause: error,
          });
        });
      return readConvertedObjects(answer, review, question);
    } catch (error) {
      // As upstream: no reason for programs, for it is nobody's of the client.
      throw new StatusError({ code: 500, message: (error as Error).message });
    }
  }
}

/** One object at least in each, whatever its size. */
function* batches(objects: readonly KubeObject[]): Generator<readonly KubeObject[]> {
  let batch: KubeObject[] = [];
  let bytes = 0;
  for (const object of objects) {
    const size = JSON.stringify(object).length;
    if (batch.length > 0 && (bytes + size > BATCH_BYTES_MAX || batch.length >= BATCH_OBJECTS_MAX)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(object);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
