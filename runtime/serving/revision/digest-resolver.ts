/**
 * Tags become digests once per Revision, so that all its pods run the same image for ever. What an
 * image store answers at once is used in the same reconcile; what takes time is awaited outside, and
 * the Revision is looked at again when it is known. Keeps nothing of a Revision whose status has it.
 * Source: knative.dev/serving pkg/reconciler/revision/{background,resolve}.go.
 */
import { parseImageReference } from '../../apis/serving/image-reference.ts';
import type { Revision } from '../../apis/serving/types.ts';

/**
 * The image with its digest, `<repository>@sha256:...`; '' where it is to be run as it is written.
 * Throws, or rejects, when there is no such image.
 */
export type ResolveImage = (image: string) => string | Promise<string>;

export interface ContainerStatus {
  readonly name: string;
  readonly imageDigest?: string;
}

export type Digests =
  | {
      readonly state: 'resolved';
      readonly containerStatuses: readonly ContainerStatus[];
      readonly initContainerStatuses: readonly ContainerStatus[];
    }
  | { readonly state: 'pending' }
  | { readonly state: 'failed'; readonly message: string };

export interface DigestOptions {
  readonly resolveImage: ResolveImage;
  /** Registries whose tags are left alone. */
  readonly skippedRegistries: ReadonlySet<string>;
  /** Longest wait for one image. */
  readonly timeoutMs: number;
}

type Answer = { readonly digest: string } | { readonly error: string };

export class DigestResolver {
  /** Answers that came later, by Revision's uid, then by image; undefined = under way. */
  private readonly later = new Map<string, Map<string, Answer | undefined>>();
  private readonly enqueue: (revision: Revision) => void;

  /** `enqueue` is called when all that a Revision waited for is known. */
  constructor(enqueue: (revision: Revision) => void) {
    this.enqueue = enqueue;
  }

  resolve(revision: Revision, options: DigestOptions): Digests {
    const uid = revision.metadata.uid ?? '';
    const known = resolvedBefore(revision);
    if (known) {
      this.later.delete(uid);
      return known;
    }
    const answers = new Map<string, Answer | undefined>();
    for (const image of imagesOf(revision))
      answers.set(image, this.answerFor(image, revision, options));
    const failed = [...answers].find(([, answer]) => answer && 'error' in answer);
    if (failed) {
      const [image, answer] = failed;
      // Asked again at the next look, which the work queue puts off further each time.
      this.later.delete(uid);
      const cause = answer && 'error' in answer ? answer.error : '';
      const message = `Unable to fetch image "${image}": failed to resolve image to digest: ${cause}`;
      return { state: 'failed', message };
    }
    if ([...answers.values()].includes(undefined)) return { state: 'pending' };
    return statusesOf(revision, (image) => {
      const answer = answers.get(image);
      return answer && 'digest' in answer ? answer.digest : '';
    });
  }

  /** To be called when the Revision is gone. */
  forget(revision: Revision): void {
    this.later.delete(revision.metadata.uid ?? '');
  }

  private answerFor(image: string, revision: Revision, options: DigestOptions): Answer | undefined {
    const reference = parseImageReference(image);
    if (reference?.digest !== undefined) return { digest: image };
    if (reference && options.skippedRegistries.has(reference.registry)) return { digest: '' };
    const waiting = this.later.get(revision.metadata.uid ?? '');
    if (waiting?.has(image)) return waiting.get(image);
    try {
      const answer = options.resolveImage(image);
      if (typeof answer === 'string') return { digest: answer };
      this.await(answer, { image, revision, timeoutMs: options.timeoutMs });
      return undefined;
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  private await(
    answer: Promise<string>,
    {
      image,
      revision,
      timeoutMs,
    }: { readonly image: string; readonly revision: Revision; readonly timeoutMs: number },
  ): void {
    const uid = revision.metadata.uid ?? '';
    const waiting = this.later.get(uid) ?? new Map<string, Answer | undefined>();
    this.later.set(uid, waiting);
    waiting.set(image, undefined);
    const timeout = AbortSignal.timeout(timeoutMs);
    const expired = new Promise<Answer>((resolve) => {
      timeout.addEventListener('abort', () => resolve({ error: 'context deadline exceeded' }));
    });
    const answered = answer.then(
      (digest): Answer => ({ digest }),
      (error: unknown): Answer => ({ error: messageOf(error) }),
    );
    void Promise.race([answered, expired]).then((result) => {
      // Forgotten, or begun anew, in the meantime.
      if (this.later.get(uid) !== waiting) return;
      waiting.set(image, result);
      if (![...waiting.values()].includes(undefined)) this.enqueue(revision);
    });
  }
}

/** What the status says, where it says it of every container. */
function resolvedBefore({ spec, status }: Revision): Digests | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = status ?? {};
  const count = spec.containers.length + (spec.initContainers?.length ?? 0);
  if (containerStatuses.length + initContainerStatuses.length !== count) return undefined;
  return { state: 'resolved', containerStatuses, initContainerStatuses };
}

const imagesOf = ({ spec }: Revision): ReadonlySet<string> =>
  new Set([...(spec.initContainers ?? []), ...spec.containers].map(({ image }) => image));

function statusesOf({ spec }: Revision, digestOf: (image: string) => string): Digests {
  const statusOf = ({ name, image }: { name: string; image: string }): ContainerStatus => {
    const imageDigest = digestOf(image);
    return imageDigest === '' ? { name } : { name, imageDigest };
  };
  return {
    state: 'resolved',
    containerStatuses: spec.containers.map(statusOf),
    initContainerStatuses: (spec.initContainers ?? []).map(statusOf),
  };
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
