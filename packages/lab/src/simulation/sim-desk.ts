// driven: what a simulated laboratory does when it is asked: the requests of its control socket on the lab, its clock and its door.
import type { Runtime } from '@batchain/shared';
import type { LabNodeStatus, LabStatus } from '../lab-types.ts';
import { DOOR_NODE, SIM_NETWORK } from '../limits.ts';
import { chooseVictims, parseGroups } from '../node-words.ts';
import type { SimOrder, SimRequest } from './sim-control.ts';
import type { SimDoor } from './sim-door.ts';
import type { SimLab } from './sim-lab.ts';

import type { SimPump } from './sim-pump.ts';

export interface SimDeskParts {
  readonly order: SimOrder;
  readonly lab: SimLab;
  readonly pump: SimPump;
  readonly door: SimDoor;
  readonly onStop: () => void;
}

export class SimDesk {
  readonly #runtime: Runtime;
  readonly #parts: SimDeskParts;

  constructor(runtime: Runtime, parts: SimDeskParts) {
    this.#runtime = runtime;
    this.#parts = parts;
  }

  async handle(request: SimRequest): Promise<unknown> {
    const { lab, onStop } = this.#parts;
    switch (request.op) {
      case 'status':
        return this.#status();
      case 'up':
        return this.grow(request);
      case 'kill':
        return this.#kill(request.words);
      case 'partition': {
        const groups = parseGroups(request.words, lab.names);
        lab.partition(groups);
        return groups;
      }
      case 'heal':
        lab.partition([]);
        return [];
      case 'stop':
        onStop();
        return true;
    }
  }

  /** To so many nodes, with these faults; the killed ones are revived. */
  async grow({ nodes, lossPercent, delayMs }: Omit<Extract<SimRequest, { op: 'up' }>, 'op'>): Promise<LabStatus> {
    const { lab, pump, door } = this.#parts;
    lab.setLink({ ...(lossPercent === undefined ? {} : { lossPercent }), ...(delayMs === undefined ? {} : { delayMs }) });
    await pump.exclusive(() => lab.grow(nodes ?? lab.names.length));
    const participant = lab.participant(DOOR_NODE);
    if (participant !== undefined && !door.isOpen) await door.open(participant);
    return this.#status();
  }

  async #kill(words: readonly string[]): Promise<readonly string[]> {
    const { lab, door } = this.#parts;
    const killed = lab.kill(chooseVictims(words, lab.names, lab.up, this.#runtime.random));
    if (killed.includes(DOOR_NODE)) await door.close();
    return killed;
  }

  async #status(): Promise<LabStatus> {
    const { lab, pump, order, door } = this.#parts;
    const lookups = await lab.lookUp();
    const nodes: LabNodeStatus[] = lab.nodes.map((node) => ({
      ...node,
      pid: null,
      home: node.name === DOOR_NODE ? door.paths.home : null,
      control: node.name === DOOR_NODE ? door.paths.controlPath : null,
    }));
    const { seed, nat, speed, folder } = order;
    const elapsedMs = Math.round(lab.simulation.clock.elapsedMs);
    const simulation = { seed, nat, elapsedMs, speed, speedReached: pump.speedReached, size: lab.size(), lookups };
    return { folder, mode: 'simulated', network: SIM_NETWORK.name, faults: lab.faults, nodes, simulation };
  }
}
