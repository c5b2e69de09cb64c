/** Why one event could not be taken as it stands. The caller knows which function it belongs to. */
export class EventProblem extends Error {
  /** `invalid`: the configuration is wrong and nothing is deployed. `undeployed`: a warning, the rest is. */
  readonly kind: 'invalid' | 'undeployed';

  constructor(kind: 'invalid' | 'undeployed', message: string) {
    super(message);
    this.name = 'EventProblem';
    this.kind = kind;
  }
}
