/** A failure of a build whose message is meant for the TaskRun's condition: what, why, what next. */
export class BuildError extends Error {
  /** Condition reason, CamelCase. */
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BuildError';
    this.reason = reason;
  }
}

/** The command that brings buildah to a machine that lacks it. */
export const installBuildahHint = 'apt-get install -y --no-install-recommends buildah crun';
