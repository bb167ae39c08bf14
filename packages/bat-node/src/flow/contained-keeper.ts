// driven: the owner's daemon asks again what hosts took and did not answer, after 1, 6 and 24 h, until they prove it or it counts as lost.
import { containmentDelayMs, isDue } from '../audit/containment.ts';
import type { ContainmentTimes } from '../limits.ts';
import { DueLooker } from './due-looker.ts';
import { askContained } from './file-audit.ts';
import type { FileLibrary } from './file-library.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { PeerTools } from './host-peer.ts';
import { createAbort } from './signals.ts';

export class ContainedKeeper {
  readonly #deps: FlowDeps;
  readonly #tools: PeerTools;
  readonly #library: FileLibrary;
  readonly #times: ContainmentTimes;
  readonly #abort = createAbort();
  readonly #looker: DueLooker;

  constructor(deps: FlowDeps, tools: PeerTools, library: FileLibrary) {
    this.#deps = deps;
    this.#tools = tools;
    this.#library = library;
    this.#times = deps.times.containment;
    this.#looker = new DueLooker(deps.runtime, { name: 'containment', look: () => this.#askDue(), delayMs: () => this.#delayMs() });
  }

  /** Goes on with what is on record. */
  start(): void {
    this.#looker.look();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#looker.stop();
  }

  /** An audit left questions open. */
  wake(): void {
    this.#looker.look();
  }

  async #askDue(): Promise<void> {
    for (const file of await this.#deps.ownerStore.list()) {
      const nowMs = this.#deps.runtime.clock.nowMs();
      if (file.contained?.some((one) => isDue(one, nowMs, this.#times)) !== true) continue;
      if (this.#abort.signal.aborted) return;
      try {
        const { manifest, owned } = await this.#library.find(file.id);
        if (owned !== undefined) await askContained(this.#deps, this.#tools, { manifest, owned }, this.#abort.signal);
      } catch (error) {
        if (this.#abort.signal.aborted) return;
        this.#deps.runtime.log.warn('bat.containment.not-asked', { file: file.id, error: String(error) });
      }
    }
  }

  async #delayMs(): Promise<number | undefined> {
    const nowMs = this.#deps.runtime.clock.nowMs();
    const waiting = (await this.#deps.ownerStore.list()).flatMap((file) => file.contained ?? []).filter(({ isLost }) => !isLost);
    const delays = waiting.map(({ nextMs }) => containmentDelayMs(nextMs, nowMs, this.#times));
    return delays.length === 0 ? undefined : Math.min(...delays);
  }
}
