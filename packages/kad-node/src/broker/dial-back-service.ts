// driven: tries to reach others when they ask for it: at the IP of their own session only, within tight limits (T6, T8).
import {
  type Address,
  type DatagramSocket,
  type DialFailure,
  equalBytes,
  isDialable,
  isPrivateHost,
  type NodeId,
  type Result,
  type Runtime,
} from '@batchain/shared';
import { DIAL_BACK_MS, DIAL_BACKS_RUNNING_MAX, PROBE_HELPERS_MAX, PROBE_REPEAT_MS, PROBE_SOCKET_MS } from '../limits.ts';
import type { PeerClient } from '../lookup/peer-client.ts';
import { sharedPrefixBits } from '../routing/distance.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import type { KadRpc, ProvedPeer, RpcRequest } from '../rpc/kad-rpc.ts';
import { decodeProbe, encodeProbe } from '../wire/envelope.ts';
import type { DialBackAnswer, DialBackOutcome, KadRequest, ProbeAnswer } from '../wire/messages.ts';
import { DialBackLimits } from './dial-back-limits.ts';

/** Dials a bat port, expecting this id there, and closes what it opened: the composition root has what it takes. */
export type DialBack = (nodeId: NodeId, address: Address, signal: AbortSignal) => Promise<Result<void, DialFailure>>;

export interface DialBackParts {
  readonly rpc: KadRpc;
  readonly client: PeerClient;
  readonly table: RoutingTable;
  /** A socket on a free port; without it datagrams from another port are `unavailable`. */
  readonly openSocket: (() => DatagramSocket) | undefined;
  /** Without it dials are `unavailable`. */
  readonly dialBack: DialBack | undefined;
}

type Request<T extends KadRequest['type']> = Extract<KadRequest, { readonly type: T }>;
type ResultFields = Partial<Pick<Request<'dial-back-result'>, 'port' | 'address'>>;

const OUTCOMES: Readonly<Partial<Record<DialFailure, DialBackOutcome>>> = {
  timeout: 'timeout',
  aborted: 'timeout',
  refused: 'refused',
  unreachable: 'unreachable',
  'wrong-identity': 'wrong-identity',
};

export class DialBackService {
  readonly #runtime: Runtime;
  readonly #parts: DialBackParts;
  readonly #limits = new DialBackLimits();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();

  constructor(runtime: Runtime, parts: DialBackParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  /** A proved asker wants to know whether it can be reached; what comes of it follows as a DIAL_BACK_RESULT. */
  dialBack({ kind, port, nonce: received }: Request<'dial-back'>, { peer }: RpcRequest): DialBackAnswer {
    const nonce = new Uint8Array(received);
    const run = {
      udp: this.#parts.openSocket === undefined ? undefined : () => this.#probeFromOtherPort(peer, port, nonce),
      'udp-other': () => this.#haveProbed(peer, nonce),
      bat: this.#parts.dialBack === undefined || port === 0 ? undefined : () => this.#dial(peer, port, nonce),
    }[kind];
    if (run === undefined) return 'unavailable';
    const nowMs = this.#nowMs();
    if (this.#stop.signal.aborted || this.#running.size >= DIAL_BACKS_RUNNING_MAX) return 'busy';
    if (!this.#limits.takeDialBack(peer, nowMs)) return 'busy';
    if (kind === 'bat' && !this.#limits.takeDial(peer.address, nowMs)) return 'busy';
    if (kind === 'udp' && !this.#limits.takeProbe(peer.address, nowMs)) return 'busy';
    const running = run()
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#runtime.log.warn('kad.dial-back.failed', { kind, error: String(error) });
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return 'started';
  }

  /** A proved node wants a stranger's datagram sent to an address that it has a session with; we have only its word for that. */
  probe({ address, nonce }: Request<'probe'>, { peer }: RpcRequest): ProbeAnswer {
    // Into a private range only for whom is in it too.
    if (!isDialable(address, isPrivateHost(address.host) ? [peer.address.host] : [])) return 'refused';
    if (!this.#limits.takeProbeFor(peer, address, this.#nowMs())) return 'busy';
    return this.#parts.rpc.sendProbe(address, nonce) ? 'sent' : 'busy';
  }

  /** Two datagrams from a fresh port, which then tells where the asker's own datagram to it comes from. */
  async #probeFromOtherPort(peer: ProvedPeer, forwardedPort: number, nonce: Uint8Array): Promise<void> {
    const { clock } = this.#runtime;
    const socket = (this.#parts.openSocket as () => DatagramSocket)();
    const probe = encodeProbe(nonce);
    const to = forwardedPort === 0 ? peer.address : { host: peer.address.host, port: forwardedPort };
    const waiting = new AbortController();
    const end = (): void => waiting.abort();
    this.#stop.signal.addEventListener('abort', end, { once: true });
    let knockedFrom: Address | undefined;
    try {
      await socket.open((bytes, from) => {
        const knock = decodeProbe(bytes);
        if (knock === undefined || !equalBytes(knock, nonce)) return;
        knockedFrom ??= from;
        end();
      });
      const { port } = socket.localAddress;
      socket.send(probe, to);
      const told = this.#tell(peer, nonce, 'sent', { port });
      await clock.sleep(PROBE_REPEAT_MS, waiting.signal).catch(() => undefined);
      if (!waiting.signal.aborted && this.#limits.takeProbe(to, this.#nowMs())) socket.send(probe, to);
      await clock.sleep(PROBE_SOCKET_MS, waiting.signal).catch(() => undefined);
      await told;
      if (knockedFrom !== undefined) await this.#tell(peer, nonce, 'done', { port, address: knockedFrom });
    } finally {
      this.#stop.signal.removeEventListener('abort', end);
      await socket.close();
    }
  }

  /** Asks a node that the asker has perhaps not spoken to yet; only the asker knows. */
  async #haveProbed(peer: ProvedPeer, nonce: Uint8Array): Promise<void> {
    for (const helper of this.#helpersFor(peer)) {
      const { address } = helper;
      const answer = await this.#parts.client.ask(helper, { type: 'probe', address: peer.address, nonce }, 1);
      const isSent = answer.ok && answer.value.response.type === 'probed' && answer.value.response.outcome === 'sent';
      if (isSent) return this.#tell(peer, nonce, 'sent', { address });
      if (this.#stop.signal.aborted) return;
    }
    await this.#tell(peer, nonce, 'failed');
  }

  /** Those far from the asker's id first: of those near it, it knows most. */
  #helpersFor({ nodeId, address }: ProvedPeer): readonly TableContact[] {
    const isPrivate = isPrivateHost(address.host);
    const suits = (contact: TableContact): boolean =>
      contact.failures === 0 && contact.address.host !== address.host && isPrivateHost(contact.address.host) === isPrivate;
    const suitable = this.#runtime.random.shuffle([...this.#parts.table.contacts()].filter(suits));
    const nearness = (contact: TableContact): number => sharedPrefixBits(nodeId, contact.nodeId);
    return suitable.sort((a, b) => nearness(a) - nearness(b)).slice(0, PROBE_HELPERS_MAX);
  }

  async #dial({ nodeId, address }: ProvedPeer, port: number, nonce: Uint8Array): Promise<void> {
    const signal = AbortSignal.any([this.#stop.signal, this.#runtime.clock.timeoutSignal(DIAL_BACK_MS)]);
    const dial = this.#parts.dialBack as DialBack;
    const result = await dial(nodeId, { host: address.host, port }, signal);
    if (this.#stop.signal.aborted) return;
    await this.#tell({ nodeId, address }, nonce, result.ok ? 'done' : (OUTCOMES[result.reason] ?? 'failed'));
  }

  async #tell({ nodeId, address: to }: ProvedPeer, nonce: Uint8Array, outcome: DialBackOutcome, fields: ResultFields = {}): Promise<void> {
    const { port = 0, address = null } = fields;
    await this.#parts.rpc.request(to, nodeId, { type: 'dial-back-result', nonce, outcome, port, address });
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}
