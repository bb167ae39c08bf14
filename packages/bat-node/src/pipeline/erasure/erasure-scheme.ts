// pure: how many shards a segment has and how many of them restore it.
import { fail, ok, type Result } from '@batchain/shared';
import { TOTAL_SHARDS_MAX } from '../../limits.ts';

/** `requiredShards` of `totalShards`: any that many of them restore the segment. */
export interface ErasureScheme {
  readonly requiredShards: number;
  readonly totalShards: number;
}

/** The scheme, when 1 <= required <= total <= 256. */
export function checkScheme(scheme: ErasureScheme): Result<ErasureScheme, 'out-of-range'> {
  const { requiredShards, totalShards } = scheme;
  const isWhole = Number.isSafeInteger(requiredShards) && Number.isSafeInteger(totalShards);
  if (isWhole && requiredShards >= 1 && requiredShards <= totalShards && totalShards <= TOTAL_SHARDS_MAX) return ok(scheme);
  return fail('out-of-range', `${requiredShards} of ${totalShards} shards: needs 1 <= required <= total <= ${TOTAL_SHARDS_MAX}`);
}
