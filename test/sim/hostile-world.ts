// driven: homes behind NATs that meet through public participants, some of which lie; what was met, by whom, and who got bytes.
import { RelayService } from '@batchain/bat-node';
import type { Address, KeyPair, Runtime } from '@batchain/shared';
import { equalBytes, toHex } from '@batchain/shared';
import type { NatKind, SimLogLine } from '@batchain/shared/testing';
import { ParticipantWorld, type SimParticipant, type SimParticipantWishes } from './participant-world.ts';

/** Time for all to look at themselves from outside, to find relays, and to be known with their brokers. */
const SETTLE_MS = 40_000;
/** Public participants keep no shards: a byte that reaches one of their stores is at the wrong node. */
const KEEPS_NOTHING: SimParticipantWishes = { offerBytes: 0 };

/** An honest relay that notes who asked for a circuit again. */
export class NotingRelay extends RelayService {
  readonly #asked = new Set<string>();
  askedAgain = 0;

  constructor(runtime: Runtime) {
    super(runtime);
  }

  override serve(...args: Parameters<RelayService['serve']>): Promise<void> {
    const [{ connection }, , { circuit }] = args;
    const name = `${toHex(circuit)} ${toHex(connection.peer.nodeId)}`;
    if (this.#asked.has(name)) this.askedAgain++;
    this.#asked.add(name);
    return super.serve(...args);
  }
}

export interface Meeting {
  readonly isMet: boolean;
  readonly durationMs: number;
  /** The ways that were tried, for a message. */
  readonly told: string;
}

export class HostileWorld extends ParticipantWorld {
  readonly lines: SimLogLine[];
  readonly publics: SimParticipant[] = [];
  readonly homes: SimParticipant[] = [];

  constructor(seed: string) {
    const lines: SimLogLine[] = [];
    super(seed, { onLog: (line) => void lines.push(line) });
    this.lines = lines;
  }

  #join(): Address[] {
    return this.publics.map((member) => this.kadAddress(member));
  }

  async addPublic(name: string, address: string, wishes: SimParticipantWishes = {}): Promise<SimParticipant> {
    const member = await this.add(name, { address }, this.#join(), { ...KEEPS_NOTHING, ...wishes });
    this.publics.push(member);
    return member;
  }

  async addRelay<R extends RelayService>(name: string, address: string, Relay: new (runtime: Runtime, keyPair: KeyPair) => R): Promise<R> {
    let relay: R | undefined;
    const makeRelay = (runtime: Runtime, keyPair: KeyPair): R => {
      relay = new Relay(runtime, keyPair);
      return relay;
    };
    await this.addPublic(name, address, { makeRelay });
    return relay as R;
  }

  async addHomes(kinds: readonly NatKind[]): Promise<void> {
    for (const nat of kinds) this.homes.push(await this.add(`home ${this.homes.length} (${nat})`, { nat }, this.#join()));
    await this.rest(SETTLE_MS);
  }

  rest(ms: number): Promise<void> {
    return this.simulation.clock.runFor(ms);
  }

  async meet(from: SimParticipant, to: SimParticipant): Promise<Meeting> {
    const beganMs = this.simulation.clock.elapsedMs;
    const met = await this.simulation.clock.runUntilSettled(from.node.meet(to.nodeId), { deadlineMs: 60_000 });
    const durationMs = this.simulation.clock.elapsedMs - beganMs;
    const rungs = met.ok ? [] : (from.node.why(toHex(to.nodeId)).attempts[0]?.rungs ?? []);
    const told = rungs.map(({ rung, outcome, reason }) => `${rung} ${outcome} ${reason}`).join('; ');
    return { isMet: met.ok, durationMs, told: `${from.name} -> ${to.name}: ${told}${met.ok ? '' : `; not met: ${met.reason}`}` };
  }

  logged(event: string): number {
    return this.lines.filter((line) => line.event === event).length;
  }

  /** Ends that are somebody else's than who was wanted there, or whose other end believes to have another peer. */
  wrongEnds(): number {
    const isWrong = ({ self, wanted, connection: { peer, binding } }: (typeof this.ends)[number]): boolean => {
      const other = this.ends.find((end) => end.connection.peer !== peer && equalBytes(end.connection.binding, binding));
      if (wanted !== undefined && !equalBytes(wanted, peer.nodeId)) return true;
      return other !== undefined && !(equalBytes(other.self, peer.nodeId) && equalBytes(other.connection.peer.nodeId, self));
    };
    return this.ends.filter(isWrong).length;
  }
}
