// driven: a question to the router by datagrams, sent again until it is answered or time is up.
import { type Address, type DatagramSocket, fail, ok, type Result, type Runtime } from '@batchain/shared';
import { GATEWAY_WAITS_MS } from '../limits.ts';

/** A socket bound to one of our addresses, at any port. */
export type OpenSocket = (ownHost: string) => DatagramSocket;

export interface GatewayQuestion<T> {
  readonly ownHost: string;
  readonly packets: readonly { readonly to: Address; readonly bytes: Uint8Array }[];
  /** What a datagram answers; undefined for one that is none of ours. */
  readonly read: (bytes: Uint8Array, from: Address) => T | undefined;
}

/** Resolves with the first answer. All that waits ends with the signal. */
export async function askGateway<T>(
  { clock }: Runtime,
  openSocket: OpenSocket,
  question: GatewayQuestion<T>,
  signal: AbortSignal,
): Promise<Result<T, 'no-answer' | 'failed'>> {
  const socket = openSocket(question.ownHost);
  let take: (answer: T) => void = () => undefined;
  const answered = new Promise<T>((resolve) => {
    take = resolve;
  });
  const asked = async (): Promise<Result<T, 'no-answer' | 'failed'>> => {
    await socket.open((bytes, from) => {
      const answer = question.read(bytes, from);
      if (answer !== undefined) take(answer);
    });
    for (const waitMs of GATEWAY_WAITS_MS) {
      for (const { to, bytes } of question.packets) socket.send(bytes, to);
      const waiting = new AbortController();
      const late = clock.sleep(waitMs, AbortSignal.any([signal, waiting.signal])).then(() => undefined);
      const first = await Promise.race([answered.then(ok), late]);
      waiting.abort();
      late.catch(() => undefined);
      if (first !== undefined) return first;
    }
    return fail('no-answer');
  };
  try {
    return await asked();
  } catch (error) {
    return fail('failed', signal.aborted ? 'stopped' : String(error));
  } finally {
    await socket.close().catch(() => undefined);
  }
}
