// driven: a question to the router by datagrams, sent again until it is answered or time is up.
import { type Address, type DatagramSocket, equalAddress, fail, ok, type Result, type Runtime } from '@batchain/shared';
import type { GatewayRoute } from '../adapters/gateway-route.ts';
import { GATEWAY_WAITS_MS } from '../limits.ts';
import type { MappingFailure } from './mapping-method.ts';

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

export interface PortQuestion<T> {
  readonly route: GatewayRoute;
  /** Of the router; nothing else may answer. */
  readonly port: number;
  readonly bytes: Uint8Array;
  /** What the router says; undefined when the packet is no answer to this. */
  readonly decode: (bytes: Uint8Array) => Result<T, 'unsupported' | 'refused'> | undefined;
}

/** Asks one port of the router. */
export async function askGatewayPort<T>(
  runtime: Runtime,
  openSocket: OpenSocket,
  { route, port, bytes, decode }: PortQuestion<T>,
  signal: AbortSignal,
): Promise<Result<T, MappingFailure>> {
  const router = { host: route.gateway, port };
  const question = {
    ownHost: route.ownHost,
    packets: [{ to: router, bytes }],
    read: (answer: Uint8Array, from: Address) => (equalAddress(from, router) ? decode(answer) : undefined),
  };
  const asked = await askGateway(runtime, openSocket, question, signal);
  return asked.ok ? asked.value : asked;
}
