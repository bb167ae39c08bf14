import {
  type CloseReason,
  type Connection,
  type ContactRecord,
  type DialFailure,
  fail,
  keyPairFromSeed,
  ok,
  type Result,
  signContact,
  toHex,
} from '@batchain/shared';
import { createSimRuntime } from '@batchain/shared/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LADDER_PLAN, RELAY_FAULT_KEPT_MS, RELAY_STEADY_MS, RELAYS_KEPT_MAX } from '../limits.ts';
import type { RelayHint } from './reach-types.ts';
import { RelayDirectory } from './relay-directory.ts';

const KEYS = [1, 2, 3].map((n) => keyPairFromSeed(new Uint8Array(32).fill(n)));
const RELAYS = { isPublic: true, relays: true, stores: true, isLeaving: false, hasNoUdp: false };
const RECORDS = KEYS.map((keyPair, n) =>
  signContact(keyPair, {
    sequence: 1,
    kadAddresses: [],
    batAddresses: [{ host: `203.0.113.${n}`, port: 4880 }],
    brokers: [],
    flags: RELAYS,
    natMapping: 'none',
  }),
);
const HINTS: RelayHint[] = KEYS.map(({ nodeId }, n) => ({ nodeId, bat: { host: `203.0.113.${n}`, port: 4880 } }));
const [A, B, C] = HINTS as [RelayHint, RelayHint, RelayHint];
const OPTIONS = { timeoutMs: LADDER_PLAN.relayMs };

let simulation: ReturnType<typeof createSimRuntime>;
let known: number;
let flags: ContactRecord['contact']['flags'];
let directory: RelayDirectory;

beforeEach(async () => {
  simulation = createSimRuntime('relay-directory');
  known = 3;
  flags = RELAYS;
  directory = new RelayDirectory(simulation.runtime, {
    candidates: () => KEYS.slice(0, known).map(({ nodeId }) => nodeId),
    resolve: async (nodeId) => {
      const record = RECORDS.find((one) => toHex(one.nodeId) === toHex(nodeId));
      return record && (nodeId === A.nodeId ? { ...record, contact: { ...record.contact, flags } } : record);
    },
    reaches: async () => true,
  });
  directory.start();
  await simulation.clock.runFor(1000);
});
afterEach(() => directory.stop());

const failing = (reason: DialFailure): Promise<Result<Connection, DialFailure>> => Promise.resolve(fail(reason));

/** A relayed connection that ends so, then. */
async function ending(relay: RelayHint, end: CloseReason, afterMs: number): Promise<void> {
  const closed = simulation.clock.sleep(afterMs).then(() => end);
  await directory.watch(relay, Promise.resolve(ok({ closed } as Connection)), OPTIONS);
  await simulation.clock.runFor(afterMs + 1);
}

describe('the relays that are named', () => {
  it('are as many as a signal holds, the preferred first', () => {
    expect(directory.relays).toEqual([A, B]);
    expect(directory.relays).toHaveLength(RELAYS_KEPT_MAX);
  });

  it.each(['error', 'wrong-identity', 'timeout', 'refused', 'unreachable'] as const)(
    'T9 leave out one whose circuit failed (%s) while there is another, for half an hour',
    async (reason) => {
      expect(await directory.watch(A, failing(reason), OPTIONS)).toMatchObject({ ok: false, reason });
      expect(directory.relays).toEqual([B, C]);
      await simulation.clock.runFor(RELAY_FAULT_KEPT_MS);
      expect(directory.relays).toEqual([A, B]);
    },
  );

  it('are looked at again at once when one says that it does not relay any more', async () => {
    known = 1;
    directory.lookSoon();
    await simulation.clock.runFor(1000);
    expect(directory.relays).toEqual([A]);
    flags = { ...RELAYS, relays: false };
    const refused = Promise.resolve(fail('refused' as const, 'not-a-relay: said to the other node'));
    await directory.watch(A, refused, OPTIONS);
    expect(directory.relays).toEqual([]);
    await simulation.clock.runFor(1000);
    expect(directory.relays).toEqual([]);
    flags = RELAYS;
    directory.lookSoon();
    await simulation.clock.runFor(1000);
    expect(directory.relays).toEqual([A]);
  });

  it('T9 are all when all have failed, the one that failed longest ago first', async () => {
    for (const relay of [B, A, C]) {
      await directory.watch(relay, failing('error'), OPTIONS);
      await simulation.clock.runFor(10);
    }
    expect(directory.relays).toEqual([B, A]);
    await directory.watch(B, failing('error'), OPTIONS);
    expect(directory.relays).toEqual([A, C]);
  });

  it('keep one whose circuit was given up because another way was faster', async () => {
    await directory.watch(A, failing('aborted'), OPTIONS);
    await directory.watch(A, failing('error'), { ...OPTIONS, isDecided: () => true });
    expect(directory.relays[0]).toEqual(A);
  });

  it('T9 leave out one that held its circuit up until the time was over', async () => {
    const late = simulation.clock.sleep(OPTIONS.timeoutMs).then(() => fail('aborted' as const));
    const watched = directory.watch(A, late, OPTIONS);
    await simulation.clock.runFor(OPTIONS.timeoutMs);
    expect(await watched).toMatchObject({ reason: 'aborted' });
    expect(directory.relays).toEqual([B, C]);
  });

  const ends: readonly [string, CloseReason, number, boolean][] = [
    ['a byte was altered', { reason: 'error', detail: 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC' }, 100, true],
    ['nothing came any more', { reason: 'local', detail: 'timeout' }, 100_000, true],
    ['a limit that it says it has, at once', { reason: 'error', detail: 'idle' }, 100, true],
    ['a limit, after it had served', { reason: 'error', detail: 'idle' }, RELAY_STEADY_MS, false],
    ['the peer closed it', { reason: 'remote', detail: 'stopping' }, 100, false],
    ['we closed it', { reason: 'local', detail: 'replaced' }, 100, false],
  ];
  it.each(ends)('T9 heed how a connection through one ended: %s', async (_why, end, afterMs, isLeftOut) => {
    await ending(A, end, afterMs);
    expect(directory.relays).toEqual(isLeftOut ? [B, C] : [A, B]);
  });
});
