/**
 * A refusal by the node that runs a pod, for the API server to answer with: what a kubelet would
 * answer and its API server would pass on.
 */
export class PodRefusal extends Error {
  readonly code: 400 | 404;
  constructor(code: 400 | 404, message: string) {
    super(message);
    this.name = 'PodRefusal';
    this.code = code;
  }
}
