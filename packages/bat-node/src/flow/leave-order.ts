// pure: in which order a host that leaves hands its files over: those that are nearest to being lost first.
import type { FileId } from '../ids.ts';

export interface RankedFile {
  readonly fileId: FileId;
  /** Other hosts that announce the file, beyond those that it can not do without; undefined: nobody looked. */
  readonly spare: number | undefined;
}

/** Fewest spare hosts first; those that nobody looked at come last. */
export function orderFiles(files: readonly RankedFile[]): FileId[] {
  const rank = ({ spare }: RankedFile): number => spare ?? Number.POSITIVE_INFINITY;
  return [...files].sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b))).map(({ fileId }) => fileId);
}

/** What the refusal of one host means for what else is to be handed over. */
export type RefusalScope =
  /** It takes nothing more of anything. */
  | 'host'
  /** It has no room for a shard of this length. */
  | 'room'
  /** It takes nothing of this file. */
  | 'file'
  | 'shard'
  /** It may be otherwise the next time. */
  | 'passing';

const SCOPES: Readonly<Record<string, RefusalScope>> = {
  leaving: 'host',
  'read-only': 'host',
  'unsupported-verb': 'host',
  'unsupported-extension': 'host',
  malformed: 'host',
  'bad-receipt': 'host',
  'short-lease': 'host',
  unproved: 'host',
  'not-held': 'host',
  damaged: 'host',
  'no-room': 'room',
  'disk-full': 'room',
  'too-many-shards': 'room',
  'owner-share': 'file',
  conflict: 'file',
  'bad-roster': 'file',
  'wrong-file-id': 'file',
  'too-large': 'file',
  'lease-over': 'file',
  'same-segment': 'shard',
  'bad-bytes': 'shard',
};

export function scopeOf(reason: string): RefusalScope {
  return SCOPES[reason] ?? 'passing';
}

/** What is said of a shard that nobody took: each word once. */
export function leftReason(reasons: readonly string[]): string {
  return reasons.length === 0 ? 'no-receiver' : [...new Set(reasons)].join(', ');
}
