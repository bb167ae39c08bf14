// driven: a KadNode that can go without UDP, with the connections that this takes; over simulated or real sockets.
import { ConnectionPool, DirectOpener, MemoryShardStore, ShardServer, TunnelService } from '@batchain/bat-node';
import { DatagramDemux, KadNode, makeKadConfig, SessionRpc } from '@batchain/kad-node';
import {
  type Address,
  createCrypto,
  type DatagramHandler,
  type DatagramSocket,
  type Dialer,
  type KeyPair,
  type Listener,
  type Runtime,
} from '@batchain/shared';
import type { AttachCandidate } from '../../packages/participant/src/reach/attach-plan.ts';
import { type AttachState, KadAttacher } from '../../packages/participant/src/reach/kad-attacher.ts';
import { SwitchingSocket } from '../../packages/participant/src/reach/switching-socket.ts';
import { makeTunnelOpener } from '../../packages/participant/src/reach/tunnel-opener.ts';

const NETWORK_KEY: Uint8Array = new Uint8Array(32).fill(4);
const crypto = createCrypto();

/** A socket whose datagrams vanish both ways while `isDead`. */
export class MortalSocket implements DatagramSocket {
  isDead = false;
  /** Datagrams that it was to send while dead. */
  lost = 0;
  readonly #socket: DatagramSocket;

  constructor(socket: DatagramSocket) {
    this.#socket = socket;
  }

  open(onDatagram: DatagramHandler): Promise<void> {
    return this.#socket.open((bytes, from) => {
      if (!this.isDead) onDatagram(bytes, from);
    });
  }

  get localAddress(): Address {
    return this.#socket.localAddress;
  }

  send(bytes: Uint8Array, to: Address): void {
    if (this.isDead) this.lost += 1;
    else this.#socket.send(bytes, to);
  }

  close(): Promise<void> {
    return this.#socket.close();
  }
}

export interface TunnelMemberOptions {
  readonly keyPair: KeyPair;
  readonly udp: MortalSocket;
  readonly dialer: Dialer;
  /** It serves tunnels here, or none when undefined. */
  readonly listener?: Listener | undefined;
  /** A socket for a tunnel that it serves. */
  readonly makeSocket: () => DatagramSocket;
  readonly ownHosts: () => readonly string[];
  readonly known?: readonly AttachCandidate[] | undefined;
}

export interface TunnelMember {
  readonly keyPair: KeyPair;
  readonly udp: MortalSocket;
  readonly node: KadNode;
  readonly pool: ConnectionPool;
  readonly tunnels: TunnelService;
  readonly attacher: KadAttacher;
  readonly socket: SwitchingSocket;
  readonly states: AttachState[];
  stop(): Promise<void>;
}

export async function createTunnelMember(runtime: Runtime, options: TunnelMemberOptions): Promise<TunnelMember> {
  const { keyPair, udp, dialer, listener, makeSocket, ownHosts } = options;
  const socket = new SwitchingSocket(runtime, udp);
  const rpc = new SessionRpc(runtime, new DatagramDemux(runtime, socket), keyPair, crypto, { network: { name: 'tunnels' }, ownHosts });
  const node = new KadNode(runtime, { rpc, signer: keyPair, crypto }, makeKadConfig({}, 'demo'));
  const tunnels = new TunnelService(runtime, { makeSocket, ownHosts, publicHost: () => undefined });
  const server = new ShardServer(runtime, {
    store: new MemoryShardStore(runtime, { offerBytes: 0 }),
    signer: keyPair,
    verifier: crypto.verifier,
    onShardHeld: () => undefined,
    isLeaving: () => false,
    tunnels,
  });
  const pool = new ConnectionPool(
    runtime,
    { opener: new DirectOpener(runtime, { dialer, resolve: async () => undefined }), self: keyPair },
    {
      nodeId: keyPair.nodeId,
      networkKey: NETWORK_KEY,
      shardBytesMax: 0,
      relays: false,
      onStream: (session, stream) => server.serve(session, stream),
    },
  );
  await listener?.listen((connection) => void pool.accept(connection));
  const states: AttachState[] = [];
  const parts = { socket, open: makeTunnelOpener(dialer, pool), knownHosts: () => options.known ?? [], knownKad: () => [] };
  const attacher = new KadAttacher(runtime, parts, (state) => states.push(state));
  await node.start();
  const stop = async (): Promise<void> => {
    await attacher.stop();
    await listener?.close();
    await pool.close();
    await server.drain();
    await node.stop();
  };
  return { keyPair, udp, node, pool, tunnels, attacher, socket, states, stop };
}
