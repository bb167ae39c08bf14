// driven: two ends of the bat wire that meet at a relay, which is all that they can reach; and relays that misbehave.
import { type BatSession, type BatStream, openSession, type RelayTerms, type StreamItem } from '@batchain/bat-node';
import { type Connection, createCrypto, type DialFailure, type Result } from '@batchain/shared';
import { CreditBudget } from '../../packages/bat-node/src/connection/credit.ts';
import { ShardClient } from '../../packages/bat-node/src/transfer/shard-client.ts';
import type { WireHost } from './wire-host.ts';

type At = Pick<WireHost, 'keyPair' | 'address'>;

export interface Joined {
  readonly caller: Result<Connection, DialFailure>;
  readonly called: Result<Connection, DialFailure>;
  /** What the relay told the caller and the called in advance. */
  readonly terms: readonly RelayTerms[];
}

/** Both ask the relay for the same circuit. */
export async function joinThrough(relay: At, caller: WireHost, called: WireHost, name = 1, timeoutMs = 20_000): Promise<Joined> {
  const circuit = new Uint8Array(16).fill(name);
  const terms: RelayTerms[] = [];
  const join = async (own: WireHost, peer: WireHost, role: 'caller' | 'called') =>
    own.relayClient.join(await own.session(relay), circuit, peer.keyPair.nodeId, role, { timeoutMs, onTerms: (told) => terms.push(told) });
  const [near, far] = await Promise.all([join(caller, called, 'caller'), join(called, caller, 'called')]);
  return { caller: near, called: far, terms };
}

export interface RelayedPair {
  readonly near: BatSession;
  readonly far: Connection;
  /** Of the caller, at the called. */
  readonly client: ShardClient;
  readonly terms: readonly RelayTerms[];
}

/** A session of the caller with the called, through the relay. */
export async function connectThrough(relay: At, caller: WireHost, called: WireHost, name = 1, timeoutMs = 20_000): Promise<RelayedPair> {
  const joined = await joinThrough(relay, caller, called, name, timeoutMs);
  if (!joined.caller.ok || !joined.called.ok) throw new Error(`no circuit: ${JSON.stringify(joined)}`);
  void called.pool.accept(joined.called.value);
  const session = await openSession(caller.runtime, joined.caller.value, new CreditBudget(), caller.sessionConfig);
  if (!session.ok) throw new Error(`no session: ${session.reason} ${session.detail}`);
  const { verifier } = createCrypto();
  const client = new ShardClient(caller.runtime, session.value, { signer: caller.keyPair, verifier });
  return { near: session.value, far: joined.called.value, client, terms: joined.terms };
}

/** A stream as a relay has it, whose data the relay looks at, and may change, before it hands it on. */
export function tapped(stream: BatStream, change: (bytes: Uint8Array) => Uint8Array): BatStream {
  return {
    get movedBytes() {
      return stream.movedBytes;
    },
    sendControl: (bytes) => stream.sendControl(bytes),
    sendData: (bytes) => stream.sendData(bytes),
    end: () => stream.end(),
    reset: (reason) => stream.reset(reason),
    allowTinyFrames: () => stream.allowTinyFrames(),
    next: async (options): Promise<StreamItem | undefined> => {
      const item = await stream.next(options);
      return item?.kind === 'data' ? { kind: 'data', bytes: change(item.bytes) } : item;
    },
  };
}
