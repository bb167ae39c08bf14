// pure: how many small frames a peer may send: bytes are bounded by credit, counts here.
import { SMALL_FRAMES_BURST, SMALL_FRAMES_PER_SECOND } from '../limits.ts';

/** A token bucket; `take` says whether one more frame is allowed now. */
export class FrameAllowance {
  #tokens = SMALL_FRAMES_BURST;
  #atMs: number | undefined;

  take(nowMs: number): boolean {
    const elapsedMs = nowMs - (this.#atMs ?? nowMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(SMALL_FRAMES_BURST, this.#tokens + (elapsedMs * SMALL_FRAMES_PER_SECOND) / 1000);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
