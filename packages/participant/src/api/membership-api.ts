// pure: what leaving the network takes and tells.

/** `leaving` lasts over restarts until all is handed over or the participant joins again; `left` until it joins again or starts anew. */
export type MembershipState = 'member' | 'leaving' | 'left';

/** One thing that stayed behind. */
export interface LeftBehind {
  readonly kind: 'shard' | 'record';
  /** Of the file, or the key of the record; hex. */
  readonly id: string;
  /** Of a shard: `segment/index`. Of a record: its kind. */
  readonly what: string;
  readonly reason: string;
}

export interface LeaveProgress {
  readonly phase: 'shards' | 'records';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface LeaveOptions {
  /** Ends by then, with what could be moved; LEAVE_WITHIN_MS by default. */
  readonly withinMs?: number;
  /** Only tells the neighbours, in seconds; moves nothing. */
  readonly isEmergency?: boolean;
  /** Consent to leave as the last one: what is kept here ends with it. */
  readonly isLastAccepted?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LeaveProgress) => void;
}

export interface LeaveResult {
  readonly moved: { readonly shards: number; readonly records: number; readonly bytes: number };
  /** The first of them. */
  readonly left: readonly LeftBehind[];
  readonly leftCount: number;
  /** Other participants that know now. */
  readonly told: number;
  readonly durationMs: number;
}

export interface MembershipView {
  readonly state: MembershipState;
  /** Nobody else is known to be there: what is kept here has no other place. */
  readonly isAlone: boolean;
  /** What is kept here for the network. */
  readonly shards: number;
  readonly records: number;
  readonly bytes: number;
}

/** Leaving the network, and coming back. */
export interface MembershipApi {
  view(): MembershipView;
  /**
   * Hands everything that is kept here for others to others, then leaves (SH-04, SH-11). Goes on where an earlier call was ended; a call
   * under way is joined, or cut short by an emergency and by an earlier end. Rejects with BAT_E_LAST_MEMBER when nobody else is there and
   * that was not accepted.
   */
  leave(options?: LeaveOptions): Promise<LeaveResult>;
  /** Takes part again; what was handed over stays where it is. True when it had left, or was leaving. */
  rejoin(): Promise<boolean>;
}
