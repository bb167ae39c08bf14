// driven: servers, some of which lie as brokers, and clients behind NATs that call one another with signed signals.
import { KadNode, type KadRpc, makeKadConfig, type ReceivedSignal, type RpcHandler, SessionRpc } from '@batchain/kad-node';
import {
  type Address,
  type Crypto,
  concatBytes,
  equalBytes,
  type NodeId,
  NULL_LOGGER,
  nodeIdFromPublicKey,
  type Runtime,
  type Signer,
  second,
  toHex,
  utf8Bytes,
} from '@batchain/shared';
import {
  createSimCrypto,
  type LinkModel,
  type NatKind,
  SimDatagramSocket,
  type SimHost,
  SimNetwork,
  type Simulation,
} from '@batchain/shared/testing';

export const LIES = ['drops', 'delays', 'swaps', 'replays'] as const;
export type Lie = (typeof LIES)[number];

const NONCE_BYTES = 8;
const KEY_BYTES = 32;
const ANSWER_WAIT_MS = 1500;
const DELAY_MS = 4 * second;
/** A call is made again when no answer came, past the brokers that said they passed it on. */
export const ATTEMPTS_MAX = 4;

/** Answers INTRODUCE as a malicious broker does, all else as the node behind it. */
class LyingRpc implements KadRpc {
  readonly #rpc: SessionRpc;
  readonly #lie: Lie;
  readonly #runtime: Runtime;
  told = 0;

  constructor(rpc: SessionRpc, lie: Lie, runtime: Runtime) {
    this.#rpc = rpc;
    this.#lie = lie;
    this.#runtime = runtime;
  }

  get localAddress(): Address {
    return this.#rpc.localAddress;
  }

  onRequest(handler: RpcHandler): void {
    this.#rpc.onRequest((asked) => {
      if (asked.request.type !== 'introduce') return handler(asked);
      this.told++;
      const target = asked.request.target.slice() as NodeId;
      const signal = asked.request.signal.slice();
      void this.#betray(asked.peer.nodeId, target, signal);
      return { type: 'introduced', outcome: 'passed' };
    });
  }

  async #betray(from: NodeId, target: NodeId, signal: Uint8Array): Promise<void> {
    const pass = (claimed: NodeId): void => {
      const session = this.#rpc.sessionWith(target);
      if (session !== undefined)
        void this.#rpc.request(session.address, target, { type: 'signal', from: claimed, address: session.address, signal });
    };
    if (this.#lie === 'delays') this.#runtime.clock.setTimer(DELAY_MS, () => pass(from));
    else if (this.#lie === 'swaps') pass(this.#runtime.random.bytes(KEY_BYTES) as NodeId);
    else if (this.#lie === 'replays') for (let n = 0; n < 3; n++) pass(from);
  }

  sendProbe(...args: Parameters<KadRpc['sendProbe']>): boolean {
    return this.#rpc.sendProbe(...args);
  }

  onProbe(...args: Parameters<KadRpc['onProbe']>): void {
    this.#rpc.onProbe(...args);
  }

  hasSentTo(host: string): boolean {
    return this.#rpc.hasSentTo(host);
  }

  request(...args: Parameters<KadRpc['request']>): ReturnType<KadRpc['request']> {
    return this.#rpc.request(...args);
  }

  onProved(...args: Parameters<KadRpc['onProved']>): void {
    this.#rpc.onProved(...args);
  }

  decideRole(...args: Parameters<KadRpc['decideRole']>): void {
    this.#rpc.decideRole(...args);
  }

  sessionWith(...args: Parameters<KadRpc['sessionWith']>): ReturnType<KadRpc['sessionWith']> {
    return this.#rpc.sessionWith(...args);
  }

  open(): Promise<void> {
    return this.#rpc.open();
  }

  close(): Promise<void> {
    return this.#rpc.close();
  }
}

/** One that calls and is called: a small stand-in for what participants say to one another. */
export interface Caller {
  readonly name: string;
  readonly host: SimHost;
  readonly node: KadNode;
  readonly signer: Signer;
  /** Nonces of our calls, and what to do at the answer. */
  readonly waiting: Map<string, () => void>;
  /** Signals whose signature did not fit who they were said to be from. */
  forged: number;
  /** Calls that came again. */
  repeated: number;
}

export interface CallResult {
  readonly isAnswered: boolean;
  readonly attempts: number;
  readonly durationMs: number;
}

export class SignalWorld {
  readonly simulation: Simulation;
  readonly network: SimNetwork;
  readonly servers: KadNode[] = [];
  readonly liars: LyingRpc[] = [];
  readonly callers: Caller[] = [];
  readonly #crypto: Crypto & { signerFromSeed(seed: Uint8Array): Signer };

  constructor(simulation: Simulation, link: Partial<LinkModel> = {}) {
    this.simulation = simulation;
    this.network = new SimNetwork(simulation, { link });
    this.#crypto = createSimCrypto(simulation.runtime.entropy.fork('crypto'));
  }

  settle<T>(promise: Promise<T>, deadlineMs = 120_000): Promise<T> {
    return this.simulation.clock.runUntilSettled(promise, { deadlineMs });
  }

  async addServer(lie?: Lie): Promise<void> {
    const host = this.network.addHost({ name: `server ${this.servers.length}` });
    const { rpc, runtime, signer } = this.#endpoint(host);
    const liar = lie === undefined ? undefined : new LyingRpc(rpc, lie, runtime);
    if (liar !== undefined) this.liars.push(liar);
    const node = new KadNode(runtime, { rpc: liar ?? rpc, signer, crypto: this.#crypto }, makeKadConfig());
    await node.start();
    await this.#join(node);
    this.servers.push(node);
  }

  async addClient(nat: NatKind): Promise<void> {
    const name = `client ${this.callers.length} (${nat})`;
    const host = this.network.addHost({ name, nat });
    const { rpc, runtime, signer } = this.#endpoint(host);
    const node = new KadNode(runtime, { rpc, signer, crypto: this.#crypto }, makeKadConfig());
    const caller: Caller = { name, host, node, signer, waiting: new Map(), forged: 0, repeated: 0 };
    node.setReachability({ isReachable: false });
    node.setContact({ flags: { ...node.contact.contact.flags, isPublic: false } });
    const seen = new Set<string>();
    node.onSignal((signal) => this.#onSignal(caller, seen, signal));
    await node.start();
    node.setContact({ kadAddresses: [] });
    await this.#join(node);
    this.callers.push(caller);
  }

  /** Calls until an answer is there, or ATTEMPTS_MAX times. */
  async call(from: Caller, to: Caller): Promise<CallResult> {
    const { clock, random } = this.simulation.runtime;
    const startedMs = clock.monotonicMs();
    const nonce = random.bytes(NONCE_BYTES);
    const avoid: Address[] = [];
    let isAnswered = false;
    const answered = new Promise<void>((resolve) => {
      from.waiting.set(toHex(nonce), () => {
        isAnswered = true;
        resolve();
      });
    });
    for (let attempts = 1; attempts <= ATTEMPTS_MAX; attempts++) {
      const sent = await from.node.sendSignal({ nodeId: to.node.nodeId, avoid }, this.#sealed(from, to.node.nodeId, 1, nonce));
      if (sent.ok) avoid.push(sent.value.via);
      const isTimeOver = new Promise<void>((resolve) => void clock.setTimer(ANSWER_WAIT_MS, resolve));
      await Promise.race([answered, isTimeOver]);
      if (isAnswered) return { isAnswered, attempts, durationMs: clock.monotonicMs() - startedMs };
    }
    from.waiting.delete(toHex(nonce));
    return { isAnswered, attempts: ATTEMPTS_MAX, durationMs: clock.monotonicMs() - startedMs };
  }

  /** Kind (1 call, 2 answer), nonce, public key, signature over all that and the receiver's id. */
  #sealed(from: Caller, to: NodeId, kind: number, nonce: Uint8Array): Uint8Array {
    const body = concatBytes(Uint8Array.of(kind), nonce, from.signer.publicKey);
    return concatBytes(body, from.signer.sign(concatBytes(body, to)));
  }

  #onSignal(caller: Caller, seen: Set<string>, { from, bytes, via }: ReceivedSignal): void {
    const body = bytes.subarray(0, 1 + NONCE_BYTES + KEY_BYTES);
    const nonce = body.slice(1, 1 + NONCE_BYTES);
    const publicKey = body.subarray(1 + NONCE_BYTES);
    const isGenuine =
      equalBytes(nodeIdFromPublicKey(publicKey), from) &&
      this.#crypto.verifier.verify(publicKey, concatBytes(body, caller.node.nodeId), bytes.subarray(body.length));
    if (!isGenuine) {
      caller.forged++;
    } else if (body[0] === 2) {
      caller.waiting.get(toHex(nonce))?.();
      caller.waiting.delete(toHex(nonce));
    } else {
      if (seen.has(toHex(nonce))) return void caller.repeated++;
      seen.add(toHex(nonce));
      void caller.node.sendSignal({ nodeId: from, via }, this.#sealed(caller, from, 2, nonce));
    }
  }

  async #join(node: KadNode): Promise<void> {
    const known = this.simulation.runtime.random.shuffle([...this.servers]).slice(0, 3);
    if (known.length > 0) await this.settle(node.bootstrap(known.map((server) => server.localAddress)));
  }

  #endpoint(host: SimHost): { readonly rpc: SessionRpc; readonly runtime: Runtime; readonly signer: Signer } {
    const runtime: Runtime = { ...this.simulation.node(host.name).runtime, log: NULL_LOGGER };
    const signer = this.#crypto.signerFromSeed(utf8Bytes(host.name));
    const socket = new SimDatagramSocket(host, { port: 4870, address: host.addresses[0] as string });
    const rpc = new SessionRpc(runtime, socket, signer, this.#crypto, {
      network: { name: 'simulation' },
      ownHosts: () => host.addresses,
    });
    return { rpc, runtime, signer };
  }
}
