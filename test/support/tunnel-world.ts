// driven: KadNodes on the simulated network, some of which carry datagrams for nodes whose UDP is dead.
import { type Address, keyPairFromSeed, NULL_LOGGER, sha256, utf8Bytes } from '@batchain/shared';
import {
  createSimRuntime,
  SimDatagramSocket,
  SimDialer,
  type SimHost,
  SimListener,
  SimNetwork,
  type Simulation,
} from '@batchain/shared/testing';
import type { AttachCandidate } from '../../packages/participant/src/reach/attach-plan.ts';
import { createTunnelMember, MortalSocket, type TunnelMember } from './tunnel-member.ts';

const KAD_PORT = 4870;

export interface SimTunnelMember extends TunnelMember {
  readonly host: SimHost;
  readonly kad: Address;
}

export interface SimTunnelMemberOptions {
  /** The port on which it carries for others; it carries for nobody when undefined. */
  readonly carriesAt?: number;
  readonly isUdpDead?: boolean;
  readonly known?: readonly AttachCandidate[];
}

export class TunnelWorld {
  readonly simulation: Simulation = createSimRuntime('kad tunnels');
  readonly network: SimNetwork = new SimNetwork(this.simulation, { link: { latencyMs: [10, 40] } });
  readonly members: SimTunnelMember[] = [];
  readonly #dead = new Set<SimTunnelMember>();

  get clock(): Simulation['clock'] {
    return this.simulation.clock;
  }

  settle<T>(work: Promise<T>, deadlineMs = 600_000): Promise<T> {
    return this.clock.runUntilSettled(work, { deadlineMs });
  }

  async add(name: string, options: SimTunnelMemberOptions = {}): Promise<SimTunnelMember> {
    const { carriesAt, isUdpDead = false, known } = options;
    const host = this.network.addHost({ name });
    const keyPair = keyPairFromSeed(sha256(utf8Bytes(name)));
    const udp = new MortalSocket(new SimDatagramSocket(host, { port: KAD_PORT }));
    udp.isDead = isUdpDead;
    const runtime = { ...this.simulation.node(name).runtime, log: NULL_LOGGER };
    const made = await createTunnelMember(runtime, {
      keyPair,
      udp,
      dialer: new SimDialer(host, keyPair),
      listener: carriesAt === undefined ? undefined : new SimListener(host, keyPair, { port: carriesAt }),
      makeSocket: () => new SimDatagramSocket(host),
      ownHosts: () => host.addresses,
      known,
    });
    const member = { ...made, host, kad: host.address(KAD_PORT) };
    this.members.push(member);
    return member;
  }

  /** So many members that have joined at the first. */
  async grow(count: number): Promise<void> {
    const [first] = this.members as [SimTunnelMember];
    for (let n = 0; n < count; n++) {
      const { node } = await this.add(`member ${n}`);
      await this.settle(node.bootstrap([first.kad]));
    }
  }

  /** Waits until the condition holds; the simulated time that it took. */
  async until(holds: () => boolean, deadlineMs: number): Promise<number> {
    const beganMs = this.clock.elapsedMs;
    while (!holds()) {
      if (this.clock.elapsedMs - beganMs > deadlineMs) throw new Error(`not so within ${deadlineMs} simulated ms`);
      await this.clock.runFor(20);
    }
    return this.clock.elapsedMs - beganMs;
  }

  /** Its machine falls silent for good. */
  kill(member: SimTunnelMember): void {
    this.network.kill(member.host);
    this.#dead.add(member);
  }

  async close(): Promise<void> {
    for (const member of this.members) if (!this.#dead.has(member)) await this.settle(member.stop());
  }
}
