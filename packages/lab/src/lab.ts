// driven: a laboratory: many participants on this computer, to be broken on purpose.
import { BatChainError, type Runtime } from '@batchain/shared';
import type { LabFaults } from './faults/fault-table.ts';
import { readLab } from './files/lab-file.ts';
import type { LabCallOptions, LabMode, LabOptions, LabStatus, LabUpOptions } from './lab-types.ts';
import { ProcessLab } from './process/process-lab.ts';
import { SimulatedLab } from './simulation/simulated-lab.ts';

/**
 * `const lab = new Lab(runtime, { folder }); await lab.up({ nodes: 3 })`. Another Lab of the same folder, in another process too, goes on
 * with what is there. Nodes are named by words as on the command line: `node1`, `1`, `2..5`.
 */
export class Lab {
  readonly #folder: string;
  readonly #of: Readonly<Record<LabMode, ProcessLab | SimulatedLab>>;

  constructor(runtime: Runtime, options: LabOptions) {
    this.#folder = options.folder;
    this.#of = { processes: new ProcessLab(runtime, options), simulated: new SimulatedLab(runtime, options) };
  }

  /** What is there decides. */
  get #lab(): ProcessLab | SimulatedLab {
    return this.#of[readLab(this.#folder)?.mode ?? 'processes'];
  }

  /**
   * Starts what is missing, joins it to the rest, and resolves when every node is ready. Rejects with BAT_E_HOME_IN_USE while another
   * command changes this laboratory or when the one that is there is of the other mode, BAT_E_HOME_UNUSABLE for a folder of something
   * else; what was started is then ended again.
   */
  async up(options: LabUpOptions = {}): Promise<LabStatus> {
    const mode = readLab(this.#folder)?.mode ?? (options.simulated === undefined ? 'processes' : 'simulated');
    if (mode === 'simulated' || options.simulated === undefined) return this.#of[mode].up(options);
    throw new BatChainError('BAT_E_HOME_IN_USE', {
      what: 'the laboratory that is there is one of processes',
      why: `it is in ${this.#folder}`,
      fix: 'end it first: batchain lab down',
    });
  }

  /** Rejects with BAT_E_NO_LAB. */
  async status(options: LabCallOptions = {}): Promise<LabStatus> {
    return this.#lab.status(options);
  }

  /** As a crash. Resolves with the names of those that were up; `20%` draws so many of them. Rejects with BAT_E_LAB_NODE_UNKNOWN. */
  async kill(words: readonly string[], options: LabCallOptions = {}): Promise<readonly string[]> {
    return this.#lab.kill(words, options);
  }

  /** `['1,2', '/', '3']`: from now on nothing passes between the groups. Resolves when all nodes know. */
  async partition(words: readonly string[], options: LabCallOptions = {}): Promise<LabFaults['groups']> {
    return this.#lab.partition(words, options);
  }

  /** Ends the partition; loss and delay stay. */
  async heal(options: LabCallOptions = {}): Promise<void> {
    await this.#lab.heal(options);
  }

  /** Stops all in good order and removes the folder; `keeps`: the homes of processes stay, for the next `up`. False when none was up. */
  async down(options: LabCallOptions & { readonly keeps?: boolean } = {}): Promise<boolean> {
    return this.#lab.down(options);
  }
}
