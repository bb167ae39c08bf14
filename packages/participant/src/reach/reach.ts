// driven: how this node reaches others and is reached: the ladder, the answers to calls, and what was tried.
import type { NoWay, Opener, ProviderHint } from '@batchain/bat-node';
import type { Connection, ContactRecord, DialFailure, NodeId, Result, Runtime, Signer, Verifier } from '@batchain/shared';
import { toHex } from '@batchain/shared';
import { CallAnswerer } from './call-answerer.ts';
import { CallDesk, type ReceivedSignal, type Signalling } from './call-desk.ts';
import { ClimbLog, type ClimbReport } from './climb-log.ts';
import { Ladder } from './ladder.ts';
import type { MeetingTools } from './meeting.ts';
import { noWayOf } from './no-way.ts';
import { PunchedChannel, type PunchedChannelParts } from './punched-channel.ts';

export interface ReachParts {
  readonly signer: Signer;
  readonly verifier: Verifier;
  readonly signalling: Signalling & { onSignal(handler: (signal: ReceivedSignal) => void): void };
  readonly tools: Omit<MeetingTools, 'punchedChannel' | 'isVouched'>;
  /** UDP sockets for hand punching; absent where there are none. */
  readonly handPunch?: Omit<PunchedChannelParts, 'desk' | 'isVouched' | 'pace'>;
  readonly resolve: (nodeId: NodeId, signal: AbortSignal) => Promise<ContactRecord | undefined>;
  /** Takes connections that nobody waits for: those of calls of others, and better ones than a relayed one. */
  readonly onConnection: (connection: Connection) => void;
}

export class Reach implements Opener {
  readonly #desk: CallDesk;
  readonly #ladder: Ladder;
  readonly #answerer: CallAnswerer;
  readonly #log = new ClimbLog();

  constructor(runtime: Runtime, parts: ReachParts) {
    const { signer, verifier, signalling, handPunch, resolve, onConnection } = parts;
    const desk = new CallDesk(runtime, signalling, { signer, verifier });
    const isVouched = (peer: NodeId, host: string): boolean => desk.isVouched(peer, host);
    const punchedChannel =
      handPunch === undefined
        ? undefined
        : new PunchedChannel(runtime, { ...handPunch, desk: desk.punches, isVouched, pace: parts.tools.pace });
    const tools: MeetingTools = { ...parts.tools, punchedChannel, isVouched };
    this.#desk = desk;
    this.#ladder = new Ladder(runtime, { desk, tools, log: this.#log, resolve, onBetter: onConnection });
    this.#answerer = new CallAnswerer(runtime, { desk, tools, log: this.#log, onConnection });
    signalling.onSignal((signal) => desk.receive(signal));
  }

  open(target: ProviderHint, signal: AbortSignal): Promise<Result<Connection, DialFailure>> {
    return this.#ladder.open(target, signal);
  }

  /** Looks for a way without a relay to a peer that is met through one; `onConnection` gets it. */
  improve(nodeId: NodeId, signal: AbortSignal): Promise<void> {
    return this.#ladder.improve(nodeId, signal);
  }

  /** A connection that a peer opened to our listener, and whose session stands. */
  noteInbound(connection: Connection): void {
    this.#ladder.noteInbound(connection);
    this.#answerer.settled(toHex(connection.peer.nodeId));
  }

  /** The latest attempts to meet a node, newest first. */
  why(nodeId: NodeId): readonly ClimbReport[] {
    return this.#log.of(nodeId);
  }

  /** Why the latest attempt led nowhere, where the node itself answered. */
  noWay(nodeId: NodeId): NoWay | undefined {
    return noWayOf(this.why(nodeId));
  }

  /** The nodes that it has anything to say about. */
  tried(): readonly NodeId[] {
    return this.#log.peers();
  }

  /** Ends what calls of others started. */
  close(): void {
    this.#answerer.close();
    this.#ladder.close();
    this.#desk.punches.close();
  }
}
