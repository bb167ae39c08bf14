// driven: Ctrl-C, SIGTERM and the deadline as one abort signal; a second Ctrl-C ends the process at once.
import { formatDuration } from '@batchain/participant/client';
import { BatChainError, type Clock, type Timer } from '@batchain/shared';
import { takeEarlySignal } from './early-interruption.ts';

const EXIT_BY_SIGNAL: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

export interface Interruption {
  readonly signal: AbortSignal;
  /** The exit code that an abort asks for; undefined when nothing was aborted by a signal. */
  readonly exit: () => number | undefined;
  /** Aborts after this time, from now; undefined: no deadline. */
  setDeadline(timeoutMs: number | undefined): void;
  /** Takes all handlers away. */
  end(): void;
}

export function watchInterruption(clock: Clock): Interruption {
  const controller = new AbortController();
  let exit: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (exit !== undefined) process.exit(EXIT_BY_SIGNAL[name]);
    exit = EXIT_BY_SIGNAL[name] ?? 1;
    controller.abort(
      new BatChainError('BAT_E_INTERRUPTED', { what: 'interrupted', why: name === 'SIGINT' ? 'Ctrl-C' : `the process got ${name}` }),
    );
  };
  const names = Object.keys(EXIT_BY_SIGNAL) as NodeJS.Signals[];
  for (const name of names) process.on(name, onSignal);
  const early = takeEarlySignal();
  if (early !== undefined) onSignal(early);
  let timer: Timer | undefined;
  const setDeadline = (timeoutMs: number | undefined): void => {
    if (timeoutMs === undefined) return;
    timer = clock.setTimer(timeoutMs, () => {
      controller.abort(new BatChainError('BAT_E_TIMEOUT', { what: `not done within ${formatDuration(timeoutMs)}` }));
    });
  };
  return {
    signal: controller.signal,
    exit: () => exit,
    setDeadline,
    end: () => {
      timer?.cancel();
      for (const name of names) process.off(name, onSignal);
    },
  };
}
