// pure: the Runtime bundle: the only ambient thing that protocol code gets, always as its first argument.
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

export interface Runtime {
  readonly clock: Clock;
  /** For choices: jitter, shuffles, which host to try. */
  readonly random: Random;
  /** For secrets: keys, nonces, tokens, transaction ids, audit challenges. */
  readonly entropy: Random;
  readonly log: Logger;
  /** A runtime with streams of its own, for the node or part with this name. */
  fork(name: string): Runtime;
}
