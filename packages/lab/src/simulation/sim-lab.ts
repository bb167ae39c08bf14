// driven: a simulated laboratory: hundreds of whole participants in one process, on simulated time that runs with the wall clock.
import { join } from 'node:path';
import { MemoryFileSystem, MemoryKeyValueStore, MemoryOwnerStore, type OwnerStore, RelayService } from '@batchain/bat-node';
import { MemoryKadStateStore } from '@batchain/kad-node';
import type { Participant } from '@batchain/participant';
import { type Address, createCrypto, formatAddress, type KeyPair, keyPairFromSeed, sha256, toHex, utf8Bytes } from '@batchain/shared';
import {
  CALM_LINK,
  createSimRuntime,
  type LinkModel,
  type NatKind,
  type SimClockView,
  type SimHost,
  SimNetwork,
  type Simulation,
} from '@batchain/shared/testing';
import { type LabFaults, NO_FAULTS } from '../faults/fault-table.ts';
import type { LabNodeStatus } from '../lab-types.ts';
import {
  JOIN_THROUGH_MAX,
  LOOKUP_WAIT_MS,
  LOOKUPS_PER_STATUS,
  SIM_BAT_PORT,
  SIM_JOINS_IN_FLIGHT_MAX,
  SIM_KAD_PORT,
  SIM_OFFER_BYTES,
  SIM_START_MS,
} from '../limits.ts';
import { nodeName } from '../node-words.ts';
import { type NatMix, natOf } from './nat-mix.ts';
import { settleReal } from './settle-real.ts';
import { shareCrypto } from './shared-crypto.ts';
import { makeSimParticipant } from './sim-participant.ts';

export interface SimLabOptions {
  readonly seed: string;
  readonly nat: NatMix;
  /** Nobody writes there but the node of the door. */
  readonly folder: string;
  /** The node that has a home on this computer, with what is kept there. */
  readonly door?: { readonly name: string; readonly keyPair: KeyPair; readonly ownerStore: OwnerStore };
}

/** What a node has kept when it comes back. */
interface Kept {
  readonly kadStateStore: MemoryKadStateStore;
  readonly ownerStore: OwnerStore;
  readonly disk: { readonly files: MemoryFileSystem; readonly table: MemoryKeyValueStore };
}

interface SimMember {
  readonly name: string;
  readonly nat: NatKind;
  readonly host: SimHost;
  readonly keyPair: KeyPair;
  readonly kept: Kept;
  node: Participant;
  clock: SimClockView;
  lives: number;
  isUp: boolean;
}

export class SimLab {
  readonly simulation: Simulation;
  readonly #network: SimNetwork;
  readonly #options: SimLabOptions;
  readonly #crypto = shareCrypto(createCrypto());
  readonly #members: SimMember[] = [];
  #faults: LabFaults = { ...NO_FAULTS, delayMs: CALM_LINK.latencyMs };
  #heals: (() => void)[] = [];

  constructor(options: SimLabOptions) {
    this.#options = options;
    this.simulation = createSimRuntime(options.seed);
    this.#network = new SimNetwork(this.simulation);
  }

  get faults(): LabFaults {
    return this.#faults;
  }

  get names(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  get up(): readonly string[] {
    return this.#living.map(({ name }) => name);
  }

  get #living(): SimMember[] {
    return this.#members.filter(({ isUp }) => isUp);
  }

  /** Who others may be told of: not behind a NAT. */
  get #public(): SimMember[] {
    return this.#living.filter(({ nat }) => nat === 'open');
  }

  participant(name: string): Participant | undefined {
    return this.#members.find((member) => member.name === name && member.isUp)?.node;
  }

  /** Until there are so many; killed ones are revived. Time does not run with the wall clock meanwhile. */
  async grow(count: number): Promise<void> {
    const killed = this.#members.filter(({ isUp }) => !isUp);
    const names = Array.from({ length: Math.max(0, count - this.#members.length) }, (_, i) => nodeName(this.#members.length + i + 1));
    const work: (() => Promise<void>)[] = [
      ...killed.map((member) => () => this.#revive(member)),
      ...names.map((name) => () => this.#add(name)),
    ];
    // The first few one after the other, so that there is somebody to join through; then in growing crowds.
    while (work.length > 0) {
      const crowd = Math.max(1, Math.min(SIM_JOINS_IN_FLIGHT_MAX, this.#public.length));
      await settleReal(this.simulation.clock, Promise.all(work.splice(0, crowd).map((run) => run())), SIM_START_MS);
    }
  }

  async #add(name: string): Promise<void> {
    const nat = natOf(this.#options.nat, Number(name.slice('node'.length)));
    const host = this.#network.addHost({ name, nat });
    host.link = this.#link();
    const { seed } = this.#options;
    const door = this.#options.door?.name === name ? this.#options.door : undefined;
    const keyPair = door?.keyPair ?? keyPairFromSeed(sha256(utf8Bytes(`${seed} ${name}`)));
    const nowMs = (): number => this.simulation.clock.nowMs();
    const kept: Kept = {
      kadStateStore: new MemoryKadStateStore(),
      ownerStore: door?.ownerStore ?? new MemoryOwnerStore(),
      disk: { files: new MemoryFileSystem({ nowMs }), table: new MemoryKeyValueStore() },
    };
    const made = this.#make({ name, nat, host, keyPair, kept, lives: 1 });
    const member: SimMember = { name, nat, host, keyPair, kept, ...made, lives: 1, isUp: true };
    this.#members.push(member);
    await this.#start(member);
  }

  async #revive(member: SimMember): Promise<void> {
    this.#network.revive(member.host);
    member.lives++;
    Object.assign(member, this.#make(member), { isUp: true });
    await this.#start(member);
  }

  async #start({ node, name }: SimMember): Promise<void> {
    const others = this.#public.filter((other) => other.name !== name);
    const through = this.simulation.runtime.random.shuffle(others).slice(0, JOIN_THROUGH_MAX);
    await node.start();
    await node.join(through.map(kadAddress));
  }

  #make(member: Pick<SimMember, 'name' | 'nat' | 'host' | 'keyPair' | 'kept' | 'lives'>): Pick<SimMember, 'node' | 'clock'> {
    const { name, nat, host, keyPair, kept, lives } = member;
    const { runtime, clock } = this.simulation.node(lives === 1 ? name : `${name}, life ${lives}`);
    const meetsNats = this.#options.nat !== 'none';
    const relays = meetsNats && nat === 'open';
    const node = makeSimParticipant(runtime, {
      name,
      host,
      keyPair,
      crypto: this.#crypto,
      home: join(this.#options.folder, name),
      offerBytes: SIM_OFFER_BYTES,
      profile: 'default',
      hasTunnels: meetsNats,
      hasRelays: meetsNats,
      ...kept,
      ...(relays ? { relay: new RelayService(runtime) } : {}),
    });
    return { node, clock };
  }

  /** As a crash: nothing is saved, nobody is told. Names of those that were up. */
  kill(names: readonly string[]): readonly string[] {
    const victims = this.#living.filter(({ name }) => names.includes(name));
    for (const victim of victims) {
      victim.isUp = false;
      this.#network.kill(victim.host);
      victim.clock.halt();
    }
    return victims.map(({ name }) => name);
  }

  /** Replaces the partition that there is; no groups heal it. */
  partition(groups: LabFaults['groups']): void {
    for (const heal of this.#heals.splice(0)) heal();
    const sides = groups.map((group) => this.#members.filter(({ name }) => group.includes(name)).map(({ host }) => host));
    for (const [i, side] of sides.entries()) for (const other of sides.slice(i + 1)) this.#heals.push(this.#network.partition(side, other));
    this.#faults = { ...this.#faults, groups };
  }

  /** For what is sent from now on; a connection that is there keeps the delay that it has. */
  setLink(changes: Partial<Pick<LabFaults, 'lossPercent' | 'delayMs'>>): void {
    this.#faults = { ...this.#faults, ...changes };
    for (const { host } of this.#members) host.link = this.#link();
  }

  #link(): LinkModel {
    const { lossPercent, delayMs } = this.#faults;
    return { ...CALM_LINK, latencyMs: delayMs, jitterMs: 0, lossRate: lossPercent / 100 };
  }

  get nodes(): readonly Omit<LabNodeStatus, 'home' | 'control' | 'pid'>[] {
    return this.#members.map(({ name, keyPair, host, node, isUp }) => ({
      name,
      nodeId: toHex(keyPair.nodeId),
      state: !isUp ? 'killed' : this.#faults.groups.some((group) => group.includes(name)) ? 'partitioned' : 'up',
      kad: formatAddress(host.address(SIM_KAD_PORT)),
      bat: formatAddress(host.address(SIM_BAT_PORT)),
      joined: isUp && node.kad.isJoined,
      peersOnline: isUp ? node.kad.stats().contacts : 0,
    }));
  }

  /** What one node that is up believes; `true`: how many are up that a node can have in its table. */
  size(): { readonly estimate: number; readonly errorRatio: number; readonly true: number } {
    const [asked] = this.simulation.runtime.random.shuffle(this.#public);
    const { nodes, errorRatio } = asked?.node.kad.estimateSize() ?? { nodes: 0, errorRatio: 1 };
    return { estimate: nodes, errorRatio, true: this.#public.length };
  }

  /** Looks a few nodes that are up up by their ids, each from another node, and tells how many were found. Time must run meanwhile. */
  async lookUp(count: number = LOOKUPS_PER_STATUS): Promise<{ readonly total: number; readonly found: number }> {
    const { random, clock } = this.simulation.runtime;
    const targets = random.shuffle(this.#public).slice(0, count);
    const askers = random.shuffle(this.#living);
    const found = await Promise.all(
      targets.map(async ({ name, node: { nodeId } }, i) => {
        const asker = askers[i]?.name === name ? askers.at(-1) : askers[i];
        if (asker === undefined || asker.name === name) return false;
        const late = clock.sleep(LOOKUP_WAIT_MS).then(() => undefined);
        const result = await Promise.race([asker.node.kad.findContacts(nodeId).catch(() => undefined), late]);
        return result?.contacts.some((contact) => toHex(contact.nodeId) === toHex(nodeId)) ?? false;
      }),
    );
    return { total: targets.length, found: found.filter((isFound) => isFound).length };
  }

  /** In good order; time runs by itself until all have. */
  async stop(): Promise<void> {
    const stopping = this.#living.map(({ node }) => node.stop().catch(() => undefined));
    for (const member of this.#members) member.isUp = false;
    await settleReal(this.simulation.clock, Promise.all(stopping), SIM_START_MS);
  }
}

const kadAddress = ({ host }: Pick<SimMember, 'host'>): Address => host.address(SIM_KAD_PORT);
