// pure: who is who in a laboratory, and what the paths between them do: loss, delay, partition.
import { createHash } from 'node:crypto';

/** What the paths of a laboratory suffer. */
export interface LabFaults {
  /** Per datagram, 0 to 90; on connections it shows as delay, as with TCP. */
  readonly lossPercent: number;
  /** One way; every pair of nodes keeps one value out of this range. */
  readonly delayMs: readonly [low: number, high: number];
  /** Names of nodes: nothing passes between two groups. Who is in none is cut off from nobody. */
  readonly groups: readonly (readonly string[])[];
}

export const NO_FAULTS: LabFaults = { lossPercent: 0, delayMs: [0, 0], groups: [] };

/** How a node is known on the wire. */
export interface LabMember {
  readonly name: string;
  /** Hex. */
  readonly nodeId: string;
  readonly kadPort: number;
  readonly batPort: number;
}

/** One path, as its sender sees it. */
export interface LabPath {
  readonly isCut: boolean;
  readonly lossRate: number;
  readonly delayMs: number;
}

const OPEN_PATH: LabPath = { isCut: false, lossRate: 0, delayMs: 0 };
const CUT_PATH: LabPath = { isCut: true, lossRate: 0, delayMs: 0 };

/** 0 to 1, the same for both directions and for every run. */
function pairShare(a: string, b: string): number {
  const pair = a < b ? `${a} ${b}` : `${b} ${a}`;
  return createHash('sha256').update(pair).digest().readUInt32BE() / 2 ** 32;
}

/** True when a partition keeps the two apart. */
export function isApart(groups: LabFaults['groups'], a: string, b: string): boolean {
  const groupOf = (name: string): number => groups.findIndex((group) => group.includes(name));
  const [first, second] = [groupOf(a), groupOf(b)];
  return first >= 0 && second >= 0 && first !== second;
}

/** The paths from one node to all others, as `lab.json` has them. */
export class FaultTable {
  readonly #self: string;
  readonly #faults: LabFaults;
  readonly #byKadPort: ReadonlyMap<number, string>;
  readonly #byBatPort: ReadonlyMap<number, string>;
  readonly #byId: ReadonlyMap<string, string>;

  constructor(self: string, members: readonly LabMember[], faults: LabFaults) {
    this.#self = self;
    this.#faults = faults;
    this.#byKadPort = new Map(members.map(({ name, kadPort }) => [kadPort, name]));
    this.#byBatPort = new Map(members.map(({ name, batPort }) => [batPort, name]));
    this.#byId = new Map(members.map(({ name, nodeId }) => [nodeId, name]));
  }

  toKadPort(port: number): LabPath {
    return this.#to(this.#byKadPort.get(port));
  }

  toBatPort(port: number): LabPath {
    return this.#to(this.#byBatPort.get(port));
  }

  /** `nodeId` in hex. */
  toNode(nodeId: string): LabPath {
    return this.#to(this.#byId.get(nodeId));
  }

  /**
   * Nobody can say behind which node a port is that was opened for one occasion: while there is a partition nothing passes, lest it be a
   * way around.
   */
  #to(name: string | undefined): LabPath {
    const { groups, lossPercent, delayMs } = this.#faults;
    if (name === undefined) return groups.length > 0 ? CUT_PATH : OPEN_PATH;
    if (name === this.#self) return OPEN_PATH;
    if (isApart(groups, this.#self, name)) return CUT_PATH;
    const [low, high] = delayMs;
    return { isCut: false, lossRate: lossPercent / 100, delayMs: low + (high - low) * pairShare(this.#self, name) };
  }
}
