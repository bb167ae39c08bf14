// pure: what an answer to a challenge means for a shard, and what the shards mean for the file.
import type { Health } from '../placement/health.ts';
import type { AuditOutcome, AuditRow } from './audit-types.ts';

/** Everything that can come of asking one host for one shard. */
export type AuditAnswer =
  | 'proved'
  /** Bytes came that do not fit the roster. */
  | 'wrong-bytes'
  /** The host signed that it does not hold the shard. */
  | 'signed-not-held'
  | 'signed-damaged'
  /** No connection. */
  | 'unreachable'
  /** Connected, but no valid answer in time. */
  | 'no-answer'
  /** It ended the stream or the connection instead of answering. */
  | 'hung-up'
  /** The host signed that it does not hold the shard, and no longer promises to. */
  | 'lease-over'
  /** The host says that it handed the shard over. */
  | 'moved'
  /** An answer that blames nobody: refused, busy, another version. */
  | 'refused'
  /** Nobody is known to hold it. */
  | 'no-holder';

const OUTCOMES: Readonly<Record<AuditAnswer, AuditOutcome>> = {
  proved: 'passed',
  'wrong-bytes': 'failed',
  'signed-not-held': 'failed',
  'signed-damaged': 'failed',
  unreachable: 'offline',
  'no-answer': 'contained',
  'hung-up': 'contained',
  'lease-over': 'inconclusive',
  moved: 'inconclusive',
  refused: 'inconclusive',
  'no-holder': 'inconclusive',
};

/** Storj's five outcomes: only wrong bytes and the host's own signed word are failures. */
export function judgeAnswer(answer: AuditAnswer): AuditOutcome {
  return OUTCOMES[answer];
}

export interface FileVerdict {
  readonly health: Health;
  /** Shards that passed, of the worst segment. */
  readonly shardsHealthy: number;
}

/** Passed and failed rows are answers; the others may come to something yet. */
export const hasAnswered = ({ outcome }: AuditRow): boolean => outcome === 'passed' || outcome === 'failed';

/** What is known of one segment. */
export interface SegmentFinding {
  /** Indexes for which somebody passed. */
  readonly passed: ReadonlySet<number>;
  /** Nobody needs to be waited for. */
  readonly isAnswered: boolean;
}

/** Sorted by segment; `isAnswered` tells rows after which nobody needs to wait for another answer. */
export function findSegments(
  rows: readonly AuditRow[],
  segmentCount: number,
  isAnswered: (row: AuditRow) => boolean = hasAnswered,
): SegmentFinding[] {
  const passed = Array.from({ length: segmentCount }, () => new Set<number>());
  const answered = new Map<number, boolean>();
  for (const row of rows) {
    if (row.outcome === 'passed') passed[row.segment]?.add(row.index);
    answered.set(row.segment, (answered.get(row.segment) ?? true) && isAnswered(row));
  }
  return passed.map((indexes, segment) => ({ passed: indexes, isAnswered: answered.get(segment) === true }));
}

/**
 * Health of a file is that of its worst segment: `good` = all n passed, `degraded` = happy to n-1, `at-risk` = k to
 * happy-1, `lost` = fewer than k passed and every host answered, `unknown` otherwise. `happy` is the placement target.
 */
export function judgeSegments(
  findings: readonly SegmentFinding[],
  { k, n, happy }: { readonly k: number; readonly n: number; readonly happy: number },
): FileVerdict {
  const worst = Math.min(n, ...findings.map(({ passed }) => passed.size));
  const isLost = findings.some(({ passed, isAnswered }) => passed.size < k && isAnswered);
  if (worst >= n) return { health: 'good', shardsHealthy: n };
  if (worst >= happy) return { health: 'degraded', shardsHealthy: worst };
  if (worst >= k) return { health: 'at-risk', shardsHealthy: worst };
  return { health: isLost ? 'lost' : 'unknown', shardsHealthy: worst };
}
