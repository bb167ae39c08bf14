// driven: a laboratory: many participants on this computer, to be broken on purpose.
import type { Runtime } from '@batchain/shared';
import type { LabFaults } from './faults/fault-table.ts';
import type { LabCallOptions, LabOptions, LabStatus, LabUpOptions } from './lab-types.ts';
import { ProcessLab } from './process/process-lab.ts';

/**
 * `const lab = new Lab(runtime, { folder }); await lab.up({ nodes: 3 })`. Another Lab of the same folder, in another process too, goes on
 * with what is there. Nodes are named by words as on the command line: `node1`, `1`, `2..5`.
 */
export class Lab {
  readonly #processes: ProcessLab;

  constructor(runtime: Runtime, options: LabOptions) {
    this.#processes = new ProcessLab(runtime, options);
  }

  /**
   * Starts what is missing, joins it to the rest, and resolves when every node is ready. Rejects with BAT_E_HOME_IN_USE while another
   * command changes this laboratory, BAT_E_HOME_UNUSABLE for a folder of something else; what was started is then ended again.
   */
  up(options: LabUpOptions = {}): Promise<LabStatus> {
    return this.#processes.up(options);
  }

  /** Rejects with BAT_E_NO_LAB. */
  status(options: LabCallOptions = {}): Promise<LabStatus> {
    return this.#processes.status(options);
  }

  /** As a crash. Resolves with the names of those that were up; `20%` draws so many of them. Rejects with BAT_E_LAB_NODE_UNKNOWN. */
  kill(words: readonly string[], options: LabCallOptions = {}): Promise<readonly string[]> {
    return this.#processes.kill(words, options);
  }

  /** `['1,2', '/', '3']`: from now on nothing passes between the groups. Resolves when all nodes know. */
  partition(words: readonly string[], options: LabCallOptions = {}): Promise<LabFaults['groups']> {
    return this.#processes.partition(words, options);
  }

  /** Ends the partition; loss and delay stay. */
  heal(options: LabCallOptions = {}): Promise<void> {
    return this.#processes.heal(options);
  }

  /** Stops all in good order and removes the folder unless it is to be kept. False when none was up. */
  down(options: LabCallOptions & { readonly keeps?: boolean } = {}): Promise<boolean> {
    return this.#processes.down(options);
  }
}
