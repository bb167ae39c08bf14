// pure: credit of streams: how much each may send, how the receiver's windows grow and shrink, and the budget over all sessions.
import {
  CONNECTION_WINDOW_MAX_BYTES,
  CONNECTION_WINDOW_MIN_BYTES,
  CREDIT_FLOOR_BYTES,
  CREDIT_TOTAL_BYTES,
  FRAME_COST_BYTES,
  SESSIONS_MAX,
  STREAM_CREDIT_INITIAL_BYTES,
} from '../limits.ts';

/** Between a byte's arrival and its use there is also the event loop: added to every round trip. */
const LOOP_SLACK_MS = 10;
/** Assumed before the first ping came back. */
const RTT_UNKNOWN_MS = 100;
/** A window doubles when half of it was used within so many round trips: the sender waits for credit, not for the network. */
const FAST_ROUND_TRIPS = 2;
/** A connection window holds what arrives within so many round trips. */
const WINDOW_ROUND_TRIPS = 4;
/** Shortest time over which a rate is measured. */
const RATE_INTERVAL_MS = 100;
/** What remains of an earlier, higher rate after each interval. */
const RATE_DECAY = 0.8;

/** What a frame takes of the credit of its stream: its payload, and something for being a frame. */
export function frameCost(payloadBytes: number): number {
  return payloadBytes + FRAME_COST_BYTES;
}

export interface CreditBudgetOptions {
  readonly totalBytes?: number;
  /** Kept back for each account. */
  readonly floorBytes?: number;
  readonly accountsMax?: number;
}

/** What all sessions together have promised to buffer; strict: the sum of all windows never exceeds the total. */
export class CreditBudget {
  readonly floorBytes: number;
  readonly #sharedBytes: number;
  #sharedTaken = 0;
  #activeAccounts = 0;

  constructor(options: CreditBudgetOptions = {}) {
    const { totalBytes = CREDIT_TOTAL_BYTES, floorBytes = CREDIT_FLOOR_BYTES, accountsMax = SESSIONS_MAX } = options;
    this.floorBytes = floorBytes;
    this.#sharedBytes = Math.max(0, totalBytes - floorBytes * accountsMax);
  }

  /** Bytes taken beyond the floors. */
  get sharedTaken(): number {
    return this.#sharedTaken;
  }

  /** What one account should not go beyond now, so that the others get as much. */
  get fairShareBytes(): number {
    return Math.max(this.floorBytes, Math.floor(this.#sharedBytes / Math.max(1, this.#activeAccounts)));
  }

  openAccount(): CreditAccount {
    return new CreditAccount(this);
  }

  /** Moves an account from `before` to `after` taken bytes; false when the shared part does not suffice. */
  move(before: number, after: number): boolean {
    const change = Math.max(0, after - this.floorBytes) - Math.max(0, before - this.floorBytes);
    if (change > 0 && this.#sharedTaken + change > this.#sharedBytes) return false;
    this.#sharedTaken += change;
    this.#activeAccounts += Number(after > 0) - Number(before > 0);
    return true;
  }
}

/** One session's part of the budget. */
export class CreditAccount {
  readonly #budget: CreditBudget;
  #taken = 0;

  constructor(budget: CreditBudget) {
    this.#budget = budget;
  }

  get takenBytes(): number {
    return this.#taken;
  }

  get fairShareBytes(): number {
    return this.#budget.fairShareBytes;
  }

  take(bytes: number): boolean {
    if (!this.#budget.move(this.#taken, this.#taken + bytes)) return false;
    this.#taken += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#budget.move(this.#taken, this.#taken - bytes);
    this.#taken -= bytes;
  }
}

/** Bytes per second that were consumed of late; follows a rise at once and a fall slowly. */
export class RateMeter {
  #startMs: number | undefined;
  #bytes = 0;
  #rate = 0;

  add(bytes: number, nowMs: number): void {
    this.#startMs ??= nowMs;
    this.#bytes += bytes;
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs < RATE_INTERVAL_MS) return;
    this.#rate = Math.max((this.#bytes * 1000) / elapsedMs, this.#rate * RATE_DECAY);
    this.#startMs = nowMs;
    this.#bytes = 0;
  }

  get bytesPerSecond(): number {
    return this.#rate;
  }
}

/**
 * The window of a connection: four times rate x RTT, so that the half which a lone stream may take still leaves room for
 * the rate to rise; from 1 to 8 MiB, and no more than its fair share of the budget.
 */
export function connectionWindow(bytesPerSecond: number, rttMs: number | undefined, fairShareBytes: number): number {
  const wanted = (WINDOW_ROUND_TRIPS * bytesPerSecond * ((rttMs ?? RTT_UNKNOWN_MS) + LOOP_SLACK_MS)) / 1000;
  return Math.min(fairShareBytes, CONNECTION_WINDOW_MAX_BYTES, Math.max(CONNECTION_WINDOW_MIN_BYTES, Math.ceil(wanted)));
}

/** What a stream may take of its connection's window: half of what the others left, so that there is always some left. */
export function streamWindowCap(windowBytes: number, takenByOthers: number): number {
  return Math.max(STREAM_CREDIT_INITIAL_BYTES, Math.floor((windowBytes - takenByOthers) / 2));
}

export interface WindowFacts {
  readonly nowMs: number;
  readonly rttMs: number | undefined;
  readonly capBytes: number;
  /** What streams of this session that carried data have ended with. */
  readonly usualBytes: number;
}

/**
 * The receiving side of one stream. The window is what the sender may still send, plus what is queued, plus what was
 * read and is not yet granted again; the account holds the whole of it until release.
 */
export class ReceiveWindow {
  readonly #account: CreditAccount;
  #windowBytes: number;
  /** Granted and not used by the sender. */
  #open: number;
  /** Read and not granted again. */
  #read = 0;
  #grantedAtMs: number | undefined;
  #hasData = false;
  #isReleased = false;

  private constructor(account: CreditAccount) {
    this.#account = account;
    this.#windowBytes = STREAM_CREDIT_INITIAL_BYTES;
    this.#open = STREAM_CREDIT_INITIAL_BYTES;
  }

  /** The window of a new stream; undefined when the budget has nothing left. */
  static open(account: CreditAccount): ReceiveWindow | undefined {
    return account.take(STREAM_CREDIT_INITIAL_BYTES) ? new ReceiveWindow(account) : undefined;
  }

  get windowBytes(): number {
    return this.#windowBytes;
  }

  get openBytes(): number {
    return this.#open;
  }

  /** Takes a frame in; false when the sender had no credit for it. */
  receive(cost: number): boolean {
    if (cost > this.#open) return false;
    this.#open -= cost;
    return true;
  }

  /**
   * What a reader has used up; returns the credit to grant now (0: nothing to tell yet). With its first data a stream gets
   * the window that others of the session have grown to, so that each need not find it anew.
   */
  consume(cost: number, facts: WindowFacts, isData = true): number {
    this.#read += cost;
    const usual = isData && !this.#hasData ? Math.min(facts.usualBytes, facts.capBytes) : 0;
    this.#hasData ||= isData;
    if (this.#isReleased) return 0;
    if (usual > this.#windowBytes) return this.#resize(usual);
    if (this.#read * 2 < this.#windowBytes) return 0;
    const sinceMs = facts.nowMs - (this.#grantedAtMs ?? facts.nowMs);
    this.#grantedAtMs = facts.nowMs;
    const isFast = sinceMs < FAST_ROUND_TRIPS * ((facts.rttMs ?? RTT_UNKNOWN_MS) + LOOP_SLACK_MS);
    return this.#resize(isFast ? Math.min(this.#windowBytes * 2, facts.capBytes) : Math.min(this.#windowBytes, facts.capBytes));
  }

  /** Opens the window to at least `bytes`, as far as the budget goes; returns the credit to grant. */
  widen(bytes: number): number {
    return bytes <= this.#windowBytes || this.#isReleased ? 0 : this.#resize(bytes);
  }

  /** Gives everything back; to be called once nothing of the stream is queued any more. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#account.give(this.#windowBytes);
  }

  #resize(target: number): number {
    // Credit that was granted cannot be taken back: a window shrinks only by what is not granted again.
    let next = Math.max(target, this.#windowBytes - this.#read);
    const growth = next - this.#windowBytes;
    if (growth > 0 && !this.#account.take(growth)) next = this.#windowBytes;
    else if (growth < 0) this.#account.give(-growth);
    const grant = this.#read + next - this.#windowBytes;
    this.#windowBytes = next;
    this.#read = 0;
    this.#open += grant;
    return grant;
  }
}

/** The sending side of one stream. */
export class SendCredit {
  #available = STREAM_CREDIT_INITIAL_BYTES;

  get availableBytes(): number {
    return this.#available;
  }

  /** False when the peer grants more than any window can be: a protocol error. */
  add(bytes: number): boolean {
    this.#available += bytes;
    return bytes > 0 && this.#available <= 2 * CONNECTION_WINDOW_MAX_BYTES;
  }

  /**
   * How many of `wanted` payload bytes may go in one frame of at most `frameBytesMax`; 0 = wait. Waits for a useful
   * amount rather than sending slivers: a quarter of the initial credit, or all that is left to send. A reader grants
   * after half a window at the latest, so what is waited for always comes.
   */
  payloadBytes(wanted: number, frameBytesMax: number): number {
    const room = this.#available - FRAME_COST_BYTES;
    const useful = Math.min(wanted, frameBytesMax, STREAM_CREDIT_INITIAL_BYTES / 4);
    return room < useful ? 0 : Math.min(wanted, frameBytesMax, room);
  }

  use(payloadBytes: number): void {
    this.#available -= frameCost(payloadBytes);
  }
}
