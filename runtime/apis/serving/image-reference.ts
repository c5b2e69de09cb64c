/**
 * Names of images: registry, repository, tag and digest. As lenient as the upstream that reads them:
 * a missing registry is Docker Hub's, a missing tag is `latest`.
 * Source: github.com/google/go-containerregistry pkg/name (behaviour).
 */
export interface ImageReference {
  /** Host and port as written; `index.docker.io` when none is. */
  readonly registry: string;
  /** With `library/` before a one-part name of Docker Hub. */
  readonly repository: string;
  /** What was written before tag and digest. */
  readonly name: string;
  readonly tag: string;
  readonly digest: string | undefined;
}

const defaultRegistry = 'index.docker.io';
const REPOSITORY_LENGTH_MAX = 255;
const repositoryRule = /^[a-z0-9_\-./]{2,}$/;
const tagRule = /^[A-Za-z0-9_\-.]{1,128}$/;
const digestRule = /^sha256:[0-9a-f]{64}$/;
const registryRule = /^(?:[A-Za-z0-9._~-]+|\[[0-9a-fA-F:]+\])(?::\d+)?$/;

/** Undefined when the text names no image. */
export function parseImageReference(text: string): ImageReference | undefined {
  const [base = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !digestRule.test(digest))) return undefined;
  const colon = base.lastIndexOf(':');
  const isTag = colon > base.lastIndexOf('/');
  const name = isTag ? base.slice(0, colon) : base;
  const tag = (isTag && base.slice(colon + 1)) || 'latest';
  if (!tagRule.test(tag)) return undefined;
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === 'localhost';
  const registry = isRegistry ? first : defaultRegistry;
  const rest = isRegistry ? name.slice(slash + 1) : name;
  if (!registryRule.test(registry)) return undefined;
  if (!repositoryRule.test(rest) || rest.length > REPOSITORY_LENGTH_MAX) return undefined;
  const repository = !isRegistry && slash < 0 ? `library/${rest}` : rest;
  return { registry, repository, name, tag, digest };
}
