// driven: a node that follows `lab.json`: it takes its faults from there, and ends when the file is gone.
import type { Runtime, Timer } from '@batchain/shared';
import type { FaultBook } from '../faults/fault-book.ts';
import { FaultTable } from '../faults/fault-table.ts';
import { noteFollowed } from '../files/followed.ts';
import { labStamp, readLab } from '../files/lab-file.ts';
import { FOLLOW_INTERVAL_MS } from '../limits.ts';

export interface FollowedLab {
  readonly folder: string;
  readonly name: string;
  readonly home: string;
  readonly book: FaultBook;
  /** The laboratory was ended, or its folder removed. */
  readonly onGone: () => void;
}

export class LabFollower {
  readonly #runtime: Runtime;
  readonly #lab: FollowedLab;
  #stamp: string | undefined;
  #timer: Timer | undefined;

  constructor(runtime: Runtime, lab: FollowedLab) {
    this.#runtime = runtime;
    this.#lab = lab;
  }

  /** Looks at once, then again and again. */
  start(): void {
    if (this.#look()) this.#timer = this.#runtime.clock.setTimer(FOLLOW_INTERVAL_MS, () => this.start());
    else this.#lab.onGone();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** False when there is no laboratory any more that this node is of. */
  #look(): boolean {
    const { folder, name, home, book } = this.#lab;
    const stamp = labStamp(folder);
    if (stamp === undefined) return false;
    if (stamp === this.#stamp) return true;
    const state = readLab(folder);
    if (state?.nodes.some((node) => node.name === name) !== true) return false;
    this.#stamp = stamp;
    book.set(new FaultTable(name, state.nodes, state.faults));
    noteFollowed(home, state.revision);
    return true;
  }
}
