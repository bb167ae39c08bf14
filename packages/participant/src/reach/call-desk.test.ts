// What a call that was not answered says of it: nobody heard it, or its brokers were asked too often.
import { type Address, createCrypto, fail, keyPairFromSeed, ok, type Result } from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { describe, expect, it } from 'vitest';
import { CallDesk } from './call-desk.ts';
import type { MeetingFacts } from './reach-types.ts';

type Sent = Result<{ readonly via: Address }, string>;
const ana = keyPairFromSeed(new Uint8Array(32).fill(1));
const bo = keyPairFromSeed(new Uint8Array(32).fill(2));
const { verifier } = createCrypto();
const PASSED: Sent = ok({ via: { host: '203.0.113.1', port: 4870 } });
const TOO_OFTEN = 'its brokers were asked too often; try again in 6 s';
const FACTS: MeetingFacts = {
  batAddresses: [],
  isBatReachable: false,
  external: undefined,
  mapping: 'unknown',
  filtering: 'unknown',
  keepsPorts: false,
  hasUdp: true,
  relays: [],
  tcpPort: 0,
  ice: undefined,
};

/** Calls where sending ends so, try for try; `undefined`: it goes on until it is aborted, and tells then that brokers were busy. */
async function call(sends: readonly (Sent | undefined)[]): Promise<{ readonly result: unknown; readonly tries: number }> {
  const { runtime, clock } = createSimRuntime('call-desk');
  let tries = 0;
  const sendSignal = (_target: unknown, _bytes: unknown, { signal }: { readonly signal: AbortSignal }): Promise<Sent> => {
    const sent = sends[tries++];
    if (sent !== undefined) return Promise.resolve(sent);
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(fail('refused', 'busy'))));
  };
  const desk = new CallDesk(runtime, { sendSignal }, { signer: ana, verifier });
  const options = { signal: new AbortController().signal, timeoutMs: 6000 };
  const result = await clock.runUntilSettled(desk.call({ nodeId: bo.nodeId }, desk.makeCall(bo.nodeId, FACTS), options), {
    deadlineMs: 10_000,
  });
  return { result, tries };
}

describe('a call that is not answered', () => {
  it.each<[string, readonly (Sent | undefined)[], object, number]>([
    ['by nobody who heard it', [PASSED, PASSED, PASSED], { reason: 'timeout', detail: 'no answer' }, 3],
    ['because brokers were asked too often', [fail('refused', 'busy')], { reason: 'unreachable', detail: TOO_OFTEN }, 1],
    ['and is still looking for another broker', [undefined], { reason: 'timeout', detail: TOO_OFTEN }, 1],
    [
      'and could not be repeated',
      [PASSED, fail('refused', 'busy'), fail('refused', 'busy')],
      { reason: 'timeout', detail: `no answer, and a repetition failed: ${TOO_OFTEN}` },
      3,
    ],
    ['because nobody knows a way', [fail('unreachable', 'not-here')], { reason: 'unreachable', detail: 'unreachable: not-here' }, 1],
  ])('%s says so', async (_, sends, expected, tries) => {
    expect(await call(sends)).toEqual({ result: { ok: false, ...expected }, tries });
  });
});
