/** What every controller is given: the only way in which it reaches the world. */
import type { Clock } from '../std/clock.ts';
import type { Logger } from '../std/logger.ts';
import type { Random } from '../std/random.ts';
import type { KubeClient } from './client.ts';
import type { InformerFactory } from './informer.ts';

export interface ControllerContext {
  readonly client: KubeClient;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Aborts when the process shuts down. */
  readonly signal: AbortSignal;
}
