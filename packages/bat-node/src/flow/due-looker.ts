// driven: looks after work that falls due at times on record: one look at a time, one timer, armed anew after each look.
import type { Clock, Logger, Timer } from '@batchain/shared';

export interface DueWork {
  /** For log lines. */
  readonly name: string;
  /** Does what is due. */
  look(): Promise<void>;
  /** Until the next is due; undefined when nothing is on record. */
  delayMs(): Promise<number | undefined>;
}

/** A look that failed, or left undone what is due, is repeated after this. */
const AGAIN_MS = 60_000;

export class DueLooker {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #work: DueWork;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  /** Something changed during a look: the next one follows at once. */
  #isWanted = false;
  #isStopped = false;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }, work: DueWork) {
    this.#clock = clock;
    this.#log = log;
    this.#work = work;
  }

  /** Looks now: at the start, and whenever something was put on record. */
  look(): void {
    if (this.#isStopped) return;
    this.#isWanted = this.#looking !== undefined;
    if (this.#isWanted) return;
    this.#timer?.cancel();
    this.#looking = this.#lookAndArm().finally(() => {
      this.#looking = undefined;
      if (this.#isWanted) this.look();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Never rejects. */
  async #lookAndArm(): Promise<void> {
    let delayMs: number | undefined = AGAIN_MS;
    try {
      await this.#work.look();
      delayMs = await this.#work.delayMs();
    } catch (error) {
      if (!this.#isStopped) this.#log.warn(`bat.${this.#work.name}.failed`, { error: String(error) });
    }
    if (delayMs === undefined || this.#isStopped) return;
    this.#timer = this.#clock.setTimer(delayMs > 0 ? delayMs : AGAIN_MS, () => this.look());
  }
}
