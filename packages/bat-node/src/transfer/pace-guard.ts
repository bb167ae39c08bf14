// driven: ends a transfer that has become too slow: below 4 KiB/s over 30 s (T14).
import type { Clock, Timer } from '@batchain/shared';
import type { BatStream } from '../connection/bat-session.ts';
import { SLOW_WINDOW_BYTES } from '../connection/deadlines.ts';
import { SLOW_WINDOW_MS } from '../limits.ts';

/** The word with which a slow stream is reset, here and at the peer. */
export const TOO_SLOW = 'too-slow';

/** Runs `transfer` while data moves on the stream in either direction; a stream that stalls is reset. */
export async function withPace<T>(clock: Clock, stream: BatStream, transfer: () => Promise<T>): Promise<T> {
  let movedBytes = stream.movedBytes;
  let timer: Timer | undefined;
  const watch = (): void => {
    timer = clock.setTimer(SLOW_WINDOW_MS, () => {
      if (stream.movedBytes - movedBytes < SLOW_WINDOW_BYTES) {
        stream.reset(TOO_SLOW);
        return;
      }
      movedBytes = stream.movedBytes;
      watch();
    });
  };
  watch();
  try {
    return await transfer();
  } finally {
    timer?.cancel();
  }
}
