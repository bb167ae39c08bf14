// driven: asks peers, and tells the routing table and the connectivity watch what came of it.
import { type Address, equalAddress, equalBytes, type NodeId, type Result, type Runtime } from '@batchain/shared';
import { QUESTIONABLE_PINGS_MAX } from '../limits.ts';
import type { FailedOutcome, RoutingTable, SeenHow } from '../routing/routing-table.ts';
import type { TableContact } from '../routing/table-contact.ts';
import type { KadRpc, ProvedPeer, RpcFailure, RpcReply } from '../rpc/kad-rpc.ts';
import type { KadRequest } from '../wire/messages.ts';
import type { Connectivity } from './connectivity.ts';

export interface PeerClientConfig {
  readonly tries: number;
  readonly silentAfterMs: number;
}

export interface PeerHooks {
  onAdded(contact: TableContact): void;
  onDropped(contact: TableContact): void;
  /** A contact has left the table because it is a client now. */
  onClient(contact: TableContact): void;
  onOffline(): void;
  onOnline(): void;
  /** A peer told us where it sees us; see RpcReply. */
  onObserved(peer: ProvedPeer, ourAddress: Address, isWitness: boolean): void;
  /** No try of a request was answered. */
  onSilent(to: Address): void;
}

export interface PeerCounts {
  requests: number;
  answers: number;
  failures: number;
}

/** Whom to ask; `nodeId` undefined takes whoever answers there. */
export interface PeerTarget {
  readonly nodeId: NodeId | undefined;
  readonly address: Address;
  /** The user gave the address: see RpcOptions. */
  readonly isOurChoice?: boolean;
}

/** The one way out for requests, so that every answer and every silence is learnt from. */
export class PeerClient {
  readonly counts: PeerCounts = { requests: 0, answers: 0, failures: 0 };
  readonly #runtime: Runtime;
  readonly #rpc: KadRpc;
  readonly #table: RoutingTable;
  readonly #connectivity: Connectivity;
  readonly #config: PeerClientConfig;
  readonly #hooks: PeerHooks;
  /** Contacts of full buckets that are being asked whether they live. */
  readonly #questioned = new Set<TableContact>();

  constructor(
    runtime: Runtime,
    collaborators: { readonly rpc: KadRpc; readonly table: RoutingTable; readonly connectivity: Connectivity; readonly hooks: PeerHooks },
    config: PeerClientConfig,
  ) {
    this.#runtime = runtime;
    this.#rpc = collaborators.rpc;
    this.#table = collaborators.table;
    this.#connectivity = collaborators.connectivity;
    this.#hooks = collaborators.hooks;
    this.#config = config;
  }

  /** Sends a request and waits for its answer. Never throws, and ends after all tries at the latest. */
  async ask(to: PeerTarget, request: KadRequest, tries: number = this.#config.tries): Promise<Result<RpcReply, RpcFailure>> {
    this.counts.requests++;
    // Taken now: a table contact may have moved when the answer is there.
    const { nodeId, address, isOurChoice = false } = to;
    const result = await this.#rpc.request(address, nodeId, request, { tries, isOurChoice });
    if (result.ok) {
      this.counts.answers++;
      const { peer, rttMs, observedAddress, isWitness, isClient } = result.value;
      if (isClient) this.noteClient(peer.nodeId);
      else this.noteAlive(peer, 'answered', rttMs);
      this.#hooks.onObserved(peer, observedAddress, isWitness);
    } else {
      this.counts.failures++;
      this.#noteFailure({ nodeId, address }, result.reason, tries);
    }
    return result;
  }

  /** A proved peer answered or asked us. */
  noteAlive(peer: { readonly nodeId: NodeId; readonly address: Address }, how: SeenHow, rttMs?: number): void {
    const nowMs = this.#runtime.clock.monotonicMs();
    const outcome = this.#table.seen(peer, how, nowMs, rttMs);
    if (outcome.result === 'added') {
      const added = this.#table.get(peer.nodeId);
      if (added !== undefined) this.#hooks.onAdded(added);
    }
    if (outcome.questionable !== undefined) this.#question(outcome.questionable, nowMs);
    if (this.#connectivity.noteSign(nowMs)) this.#hooks.onOnline();
  }

  /** A proved peer that is not to be entered in tables answered or asked us; it may be in ours from before. */
  noteClient(nodeId: NodeId): void {
    const { dropped, promoted } = this.#table.drop(nodeId);
    if (dropped !== undefined) this.#hooks.onClient(dropped);
    if (promoted !== undefined) this.#hooks.onAdded(promoted);
    if (this.#connectivity.noteSign(this.#runtime.clock.monotonicMs())) this.#hooks.onOnline();
  }

  #noteFailure(to: PeerTarget, reason: RpcFailure, tries: number): void {
    const isSilence = reason === 'timeout';
    const isStranger = reason === 'wrong-identity' || reason === 'wrong-network';
    if (!isSilence && !isStranger) return;
    if (isSilence) this.#hooks.onSilent(to.address);
    const known = to.nodeId === undefined ? undefined : this.#table.get(to.nodeId);
    // While nobody answers at all, silence says nothing about one contact: the table is kept for the time after.
    if (to.nodeId !== undefined && !this.#connectivity.isOffline && (known === undefined || equalAddress(known.address, to.address))) {
      this.#report(isStranger ? this.#table.drop(to.nodeId) : this.#table.failed(to.nodeId, tries));
    }
    if (isSilence && this.#connectivity.noteFailure(this.#runtime.clock.monotonicMs(), this.#table.size)) this.#hooks.onOffline();
  }

  #report(outcome: FailedOutcome): void {
    if (outcome.dropped !== undefined) this.#hooks.onDropped(outcome.dropped);
    if (outcome.promoted !== undefined) this.#hooks.onAdded(outcome.promoted);
  }

  /** Somebody waits for a place in a full bucket: ask its longest silent contact whether it lives. */
  #question(contact: TableContact, nowMs: number): void {
    if (nowMs - contact.lastSeenMs < this.#config.silentAfterMs) return;
    if (this.#questioned.size >= QUESTIONABLE_PINGS_MAX || this.#questioned.has(contact)) return;
    this.#questioned.add(contact);
    void this.ask(contact, { type: 'ping' }).then(() => this.#questioned.delete(contact));
  }
}

/** True when both name the same node at the same place. */
export function isSamePeer(a: PeerTarget, b: PeerTarget): boolean {
  if (!equalAddress(a.address, b.address)) return false;
  return a.nodeId === undefined || b.nodeId === undefined || equalBytes(a.nodeId, b.nodeId);
}
