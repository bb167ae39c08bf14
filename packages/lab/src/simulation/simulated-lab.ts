// driven: a simulated laboratory as others see it: its process, started, asked and ended.
import { fileURLToPath } from 'node:url';
import { homeLockHolder } from '@batchain/participant/client';
import { BatChainError, type Runtime } from '@batchain/shared';
import { type LabFaults, NO_FAULTS } from '../faults/fault-table.ts';
import { readLab, writeLab } from '../files/lab-file.ts';
import { openLabFolder, removeIfEmpty, removeLabFolder, simulationPaths } from '../files/lab-folder.ts';
import type { LabCallOptions, LabOptions, LabStatus, LabUpOptions } from '../lab-types.ts';
import { LAB_NODES_DEFAULT, NODE_STOP_TIMEOUT_MS, POLL_MS, SIM_READY_TIMEOUT_MS } from '../limits.ts';
import { startProcess } from '../start-process.ts';
import { askLine } from './line-server.ts';
import type { SimOrder, SimRequest } from './sim-control.ts';

const PROGRAM = fileURLToPath(new URL('./sim-process.js', import.meta.url));
const NEVER = new AbortController().signal;

export class SimulatedLab {
  readonly #runtime: Runtime;
  readonly #options: LabOptions;

  constructor(runtime: Runtime, options: LabOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  get #pid(): number | undefined {
    return homeLockHolder(simulationPaths(this.#options.folder).lockFile);
  }

  #ask(request: SimRequest, { signal = NEVER }: LabCallOptions): Promise<unknown> {
    const { folder } = this.#options;
    const isUp = readLab(folder)?.mode === 'simulated' && this.#pid !== undefined;
    if (!isUp) throw new BatChainError('BAT_E_NO_LAB', { what: 'no laboratory is up', why: `there is none in ${folder}` });
    return askLine(simulationPaths(folder).controlPath, request, signal);
  }

  async up(options: LabUpOptions): Promise<LabStatus> {
    const { folder } = this.#options;
    const { entropy } = this.#runtime;
    const { nodes, lossPercent, delayMs, signal = NEVER } = options;
    const changes = { ...(lossPercent === undefined ? {} : { lossPercent }), ...(delayMs === undefined ? {} : { delayMs }) };
    const lock = openLabFolder(folder, entropy);
    try {
      if (readLab(folder)?.mode === 'simulated' && this.#pid !== undefined)
        return (await this.#ask({ op: 'up', ...(nodes === undefined ? {} : { nodes }), ...changes }, { signal })) as LabStatus;
      const { nat = 'none', speed = 1, seed = String(entropy.u32()) } = options.simulated ?? {};
      const order: SimOrder = {
        folder,
        nodes: nodes ?? LAB_NODES_DEFAULT,
        ...changes,
        nat,
        speed,
        seed,
        endsWithParent: this.#options.endsWithProcess === true,
      };
      const revision = (readLab(folder)?.revision ?? 0) + 1;
      writeLab(folder, { format: 1, revision, mode: 'simulated', network: 'simulated', isUp: true, faults: NO_FAULTS, nodes: [] }, entropy);
      await this.#start(order, signal);
      return (await this.#ask({ op: 'status' }, { signal })) as LabStatus;
    } finally {
      lock.release();
      removeIfEmpty(folder);
    }
  }

  async #start(order: SimOrder, signal: AbortSignal): Promise<void> {
    const { folder, endsWithParent } = order;
    const { logDir } = simulationPaths(folder);
    const options = {
      program: PROGRAM,
      order,
      name: 'the simulation',
      folder,
      logDir,
      endsWithParent,
      readyWithinMs: SIM_READY_TIMEOUT_MS,
    };
    try {
      await startProcess(this.#runtime.clock, options, signal);
    } catch (error) {
      removeLabFolder(folder);
      throw error;
    }
  }

  async status(options: LabCallOptions = {}): Promise<LabStatus> {
    return (await this.#ask({ op: 'status' }, options)) as LabStatus;
  }

  async kill(words: readonly string[], options: LabCallOptions = {}): Promise<readonly string[]> {
    return (await this.#ask({ op: 'kill', words: [...words] }, options)) as readonly string[];
  }

  async partition(words: readonly string[], options: LabCallOptions = {}): Promise<LabFaults['groups']> {
    return (await this.#ask({ op: 'partition', words: [...words] }, options)) as LabFaults['groups'];
  }

  async heal(options: LabCallOptions = {}): Promise<void> {
    await this.#ask({ op: 'heal' }, options);
  }

  /** Nothing of a simulation can be kept. */
  async down(options: LabCallOptions = {}): Promise<boolean> {
    const { folder } = this.#options;
    const lock = openLabFolder(folder, this.#runtime.entropy);
    const isUp = this.#pid !== undefined;
    try {
      if (isUp) await this.#stop(options);
      removeLabFolder(folder);
    } finally {
      lock.release();
    }
    removeIfEmpty(folder);
    return isUp;
  }

  async #stop(options: LabCallOptions): Promise<void> {
    const { clock } = this.#runtime;
    await this.#ask({ op: 'stop' }, options).catch(() => undefined);
    const endMs = clock.monotonicMs() + NODE_STOP_TIMEOUT_MS;
    for (let pid = this.#pid; pid !== undefined; pid = this.#pid) {
      if (clock.monotonicMs() > endMs) process.kill(pid, 'SIGKILL');
      await clock.sleep(POLL_MS);
    }
  }
}
