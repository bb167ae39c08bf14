// driven: the Runtime of a simulation, made from a seed.
import { type LogFields, type Logger, NULL_LOGGER } from '../runtime/logger.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { SimRandom } from './prng.ts';
import { SimClock, type SimClockView, type SimClockViewOptions } from './sim-clock.ts';
import { TraceHash } from './trace-hash.ts';

export interface SimLogLine {
  /** Simulated milliseconds since the beginning. */
  readonly atMs: number;
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  readonly fields: LogFields;
}

export interface SimRuntimeOptions {
  /** Gets every log line; they are dropped by default. */
  readonly onLog?: (line: SimLogLine) => void;
  readonly trace?: TraceHash;
}

export interface SimNode {
  readonly runtime: Runtime;
  readonly clock: SimClockView;
}

/** What everything simulated hangs on. */
export interface Simulation {
  readonly seed: string | number;
  readonly runtime: Runtime;
  readonly clock: SimClock;
  readonly trace: TraceHash;
  /** Like `runtime.fork(name)`, with a clock of the node's own that can be skewed and halted. */
  node(name: string, options?: SimClockViewOptions): SimNode;
}

class SimLogger implements Logger {
  readonly #clock: SimClock;
  readonly #onLog: (line: SimLogLine) => void;
  readonly #fields: LogFields;

  constructor(clock: SimClock, onLog: (line: SimLogLine) => void, fields: LogFields) {
    this.#clock = clock;
    this.#onLog = onLog;
    this.#fields = fields;
  }

  #write(level: SimLogLine['level'], event: string, fields: LogFields | undefined): void {
    this.#onLog({ atMs: this.#clock.elapsedMs, level, event, fields: { ...this.#fields, ...fields } });
  }

  trace(event: string, fields?: LogFields): void {
    this.#write('trace', event, fields);
  }

  debug(event: string, fields?: LogFields): void {
    this.#write('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    this.#write('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    this.#write('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#write('error', event, fields);
  }

  child(fields: LogFields): Logger {
    return new SimLogger(this.#clock, this.#onLog, { ...this.#fields, ...fields });
  }
}

/** A simulation whose time, choices and secrets all follow from the seed. */
export function createSimRuntime(seed: string | number, options: SimRuntimeOptions = {}): Simulation {
  const trace = options.trace ?? new TraceHash();
  const clock = new SimClock(trace);
  const log = options.onLog === undefined ? NULL_LOGGER : new SimLogger(clock, options.onLog, {});
  const make = (streams: Omit<Runtime, 'fork'>): Runtime => ({
    ...streams,
    fork: (name) =>
      make({
        clock: streams.clock,
        random: streams.random.fork(name),
        entropy: streams.entropy.fork(name),
        log: streams.log.child({ part: name }),
      }),
  });
  const runtime = make({ clock, random: SimRandom.fromSeed(seed, 'random'), entropy: SimRandom.fromSeed(seed, 'entropy'), log });
  return {
    seed,
    runtime,
    clock,
    trace,
    node: (name, viewOptions) => {
      const view = clock.view(viewOptions);
      const { random, entropy, log: nodeLog } = runtime.fork(name);
      return { clock: view, runtime: make({ clock: view, random, entropy, log: nodeLog }) };
    },
  };
}
