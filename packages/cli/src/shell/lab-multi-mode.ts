// driven: `MM`: a laboratory of the shell's own, whose nodes end with it.
import type { Lab } from '@batchain/lab';
import type { Runtime } from '@batchain/shared';
import type { MultiMode, MultiModeOptions, StartedNode } from './multi-mode.ts';

export class LabMultiMode implements MultiMode {
  readonly #runtime: Runtime;
  /** Asked for on first use. */
  readonly #folder: () => string;
  readonly #nodes: StartedNode[] = [];
  #lab: Lab | undefined;
  /** One change after the other: what was cancelled is still being taken back. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(runtime: Runtime, folder: () => string) {
    this.#runtime = runtime;
    this.#folder = folder;
  }

  get nodes(): readonly StartedNode[] {
    return this.#nodes;
  }

  start(count: number, options: MultiModeOptions): Promise<readonly StartedNode[]> {
    return this.#inTurn(() => this.#start(count, options));
  }

  async #start(count: number, { network, join, signal }: MultiModeOptions): Promise<readonly StartedNode[]> {
    signal.throwIfAborted();
    // Loaded only now: a shell without MM needs none of it.
    const { Lab } = await import('@batchain/lab');
    this.#lab ??= new Lab(this.#runtime, { folder: this.#folder(), network, endsWithProcess: true });
    const before = new Set(this.#nodes.map(({ name }) => name));
    const status = await this.#lab.up({ nodes: this.#nodes.length + count, join, signal });
    const all = status.nodes.map(({ name, nodeId, kad, bat }) => ({ name, nodeId, kad, bat }));
    this.#nodes.splice(0, this.#nodes.length, ...all);
    return all.filter(({ name }) => !before.has(name));
  }

  end(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#lab?.down();
      this.#nodes.length = 0;
    });
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#last.then(change);
    this.#last = changed.catch(() => undefined);
    return changed;
  }
}
