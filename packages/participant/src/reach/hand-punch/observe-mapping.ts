// driven: asks KadNodes by STUN (RFC 8489) as which address they see a socket.
import { type BindingRequestOptions, decodeBindingResponse, encodeBindingRequest } from '@batchain/kad-node';
import { type Address, equalAddress, type Runtime } from '@batchain/shared';
import { OBSERVE_AGAIN_MS, OBSERVE_TIMEOUT_MS } from '../../limits.ts';
import type { PunchSocket } from './punch-socket.ts';

const TRANSACTION_ID_BYTES = 12;
const PLAIN: BindingRequestOptions = { hasFingerprint: true };

interface Question {
  readonly socket: PunchSocket;
  readonly observer: Address;
  readonly id: Uint8Array;
  seen: Address | undefined;
}

/**
 * For each socket what the observers saw, in the order in which they were asked; without those that did not answer in time. The
 * sockets are asked last to first, so that the mappings of the first are its router's newest. Rejects when the signal aborts.
 */
export async function observeMappings(
  runtime: Runtime,
  sockets: readonly PunchSocket[],
  observers: readonly Address[],
  signal: AbortSignal,
): Promise<readonly (readonly Address[])[]> {
  const questions = sockets.toReversed().flatMap((socket) => observers.map((observer) => makeQuestion(runtime, socket, observer)));
  const cancel = new AbortController();
  const end = AbortSignal.any([signal, cancel.signal]);
  const listen = (socket: PunchSocket): void => {
    socket.onDatagram = (bytes, from) => {
      for (const question of questions) {
        if (question.socket !== socket || !equalAddress(question.observer, from)) continue;
        const answer = decodeBindingResponse(bytes, question.id);
        if (answer.ok) question.seen = answer.value;
      }
      if (questions.every(({ seen }) => seen !== undefined)) cancel.abort();
    };
  };
  for (const socket of sockets) listen(socket);
  const startMs = runtime.clock.monotonicMs();
  while (!cancel.signal.aborted && runtime.clock.monotonicMs() - startMs < OBSERVE_TIMEOUT_MS) {
    for (const { socket, observer, id, seen } of questions) if (seen === undefined) socket.send(encodeBindingRequest(id, PLAIN), observer);
    await runtime.clock.sleep(OBSERVE_AGAIN_MS, end).catch(() => signal.throwIfAborted());
  }
  return sockets.map((socket) =>
    questions.filter((one) => one.socket === socket).flatMap(({ seen }) => (seen === undefined ? [] : [seen])),
  );
}

function makeQuestion(runtime: Runtime, socket: PunchSocket, observer: Address): Question {
  return { socket, observer, id: runtime.entropy.bytes(TRANSACTION_ID_BYTES), seen: undefined };
}
