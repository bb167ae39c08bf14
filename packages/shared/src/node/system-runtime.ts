// driven: the Runtime of a real process.
import { type Logger, NULL_LOGGER } from '../runtime/logger.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { SystemClock } from './system-clock.ts';
import { SystemRandom } from './system-random.ts';

export interface SystemRuntimeOptions {
  /** Drops everything by default. */
  readonly log?: Logger;
}

/** Real time, the operating system's randomness, and the given log; forks add `part` to their log lines. */
export function createSystemRuntime(options: SystemRuntimeOptions = {}): Runtime {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const make = (log: Logger): Runtime => ({ clock, random, entropy: random, log, fork: (name) => make(log.child({ part: name })) });
  return make(options.log ?? NULL_LOGGER);
}
