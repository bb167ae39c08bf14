// driven: a participant that lies as a broker: what it is given to pass on it drops, keeps back, alters, or sends again and again.
import type { KadRpc, SessionRpc } from '@batchain/kad-node';
import { type Address, type Clock, equalBytes, type KeyPair, type NodeId, type Runtime, second } from '@batchain/shared';
import { signalSeal } from '../../packages/participant/src/reach/reach-signal.ts';

export const BROKER_LIES = ['drops', 'delays', 'alters', 'replays'] as const;
export type BrokerLie = (typeof BROKER_LIES)[number];

const DELAY_MS = 2 * second;
/** Old signals come again this often, for ever. */
const REPLAY_MS = 5 * second;
const REPLAYED_MAX = 64;
/** In the place of a new one, so often, for so long: what somebody takes of a sender could be used up by that. */
const FLOOD_GAP_MS = 50;
const FLOOD_MS = 8 * second;

interface Heard {
  readonly from: NodeId;
  readonly target: NodeId;
  readonly signal: Uint8Array;
}

/** `wrap` comes between the KadNode of a participant and its wire: all else about it is honest. */
export class HostileBroker {
  readonly #lie: BrokerLie;
  readonly #own: Address;
  /** Signals of others that it was trusted with. */
  trusted = 0;
  /** Signals that it altered or sent once more. */
  forged = 0;
  repeated = 0;
  #rpc: SessionRpc | undefined;
  readonly #heard: Heard[] = [];

  /** `own` is the address that it puts in the place of others'. */
  constructor(lie: BrokerLie, own: Address) {
    this.#lie = lie;
    this.#own = own;
  }

  readonly wrap = (rpc: SessionRpc, { clock }: Runtime, keyPair: KeyPair): KadRpc => {
    this.#rpc = rpc;
    const replayAll = (): void => {
      for (const heard of this.#heard) this.#repeat(heard);
      clock.setTimer(REPLAY_MS, replayAll);
    };
    if (this.#lie === 'replays') replayAll();
    const onRequest: KadRpc['onRequest'] = (handler) =>
      rpc.onRequest((asked) => {
        const { request } = asked;
        if (request.type !== 'introduce' || equalBytes(request.target, keyPair.nodeId)) return handler(asked);
        this.trusted++;
        const heard = {
          from: asked.peer.nodeId.slice() as NodeId,
          target: request.target.slice() as NodeId,
          signal: request.signal.slice(),
        };
        if (this.#lie === 'delays') clock.setTimer(DELAY_MS, () => this.#pass(heard));
        else if (this.#lie === 'alters') this.#alter(heard, keyPair);
        else if (this.#lie === 'replays') this.#replayInPlaceOf(heard, clock);
        return { type: 'introduced', outcome: 'passed' };
      });
    return new Proxy<KadRpc>(rpc, {
      get(target, name) {
        if (name === 'onRequest') return onRequest;
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };

  #replayInPlaceOf(heard: Heard, clock: Clock): void {
    const old = this.#heard.find(({ from, target }) => equalBytes(from, heard.from) && equalBytes(target, heard.target));
    if (old === undefined) this.#pass(heard);
    else for (let ms = 0; ms < FLOOD_MS; ms += FLOOD_GAP_MS) clock.setTimer(ms, () => this.#repeat(old));
    if (this.#heard.length < REPLAYED_MAX) this.#heard.push(heard);
  }

  #repeat(heard: Heard): void {
    if (this.#pass(heard)) this.repeated++;
  }

  /** Names itself wherever the sender named itself: under the sender's signature, and under its own. */
  #alter(heard: Heard, keyPair: KeyPair): void {
    const unsealed = signalSeal.unseal(heard.signal);
    if (!unsealed.ok) return;
    const { body, signature } = unsealed.value;
    const own = this.#own;
    const altered = {
      ...body,
      batAddresses: [own],
      external: own,
      isBatReachable: true,
      relays: [{ nodeId: keyPair.nodeId, bat: own }],
    };
    const underTheirs = signalSeal.seal({ ...keyPair, sign: () => signature }, altered);
    const underOurs = signalSeal.seal(keyPair, { ...altered, from: keyPair.publicKey });
    for (const signal of [underTheirs, underOurs]) if (this.#pass({ ...heard, signal }, own)) this.forged++;
  }

  #pass({ from, target, signal }: Heard, seenAt?: Address): boolean {
    const session = this.#rpc?.sessionWith(target);
    if (session === undefined) return false;
    void this.#rpc?.request(session.address, target, { type: 'signal', from, address: seenAt ?? session.address, signal });
    return true;
  }
}
