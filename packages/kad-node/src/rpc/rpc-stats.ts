// pure: counters of what a SessionRpc met, for status output and tests.

/** Whole numbers since the start. */
export interface RpcStats {
  datagramsReceived: number;
  /** Unreadable, of no known kind, or too long; dropped (DF-07). */
  malformed: number;
  rateLimited: number;
  hellosReceived: number;
  /** HELLOs of ours that the allowance of their address or IP did not cover (T6). */
  hellosLeftOut: number;
  welcomesSent: number;
  /** A WELCOME sent again for a HELLO that came twice. */
  welcomesRepeated: number;
  challengesSent: number;
  refusalsSent: number;
  noSessionsSent: number;
  noSessionsReceived: number;
  /** A keyed hash inside a session was wrong. */
  badHashes: number;
  replays: number;
  badProofs: number;
  badWelcomes: number;
  requestsServed: number;
  /** A retry whose answer was taken from the reply cache. */
  repliesRepeated: number;
  handlerFailures: number;
  /** Answers that matched no pending request: late, doubled, or from elsewhere. */
  unmatchedReplies: number;
  sessionsOpened: number;
  peersProved: number;
}

export function emptyRpcStats(): RpcStats {
  return {
    datagramsReceived: 0,
    malformed: 0,
    rateLimited: 0,
    hellosReceived: 0,
    hellosLeftOut: 0,
    welcomesSent: 0,
    welcomesRepeated: 0,
    challengesSent: 0,
    refusalsSent: 0,
    noSessionsSent: 0,
    noSessionsReceived: 0,
    badHashes: 0,
    replays: 0,
    badProofs: 0,
    badWelcomes: 0,
    requestsServed: 0,
    repliesRepeated: 0,
    handlerFailures: 0,
    unmatchedReplies: 0,
    sessionsOpened: 0,
    peersProved: 0,
  };
}
