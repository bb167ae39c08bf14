// pure: what an audit found, kept while questions are open, so that their answers give the health of the file without asking everybody again.
import { fromBase64Url, toBase64Url } from '@batchain/shared';
import type { AuditMemory } from '../storage/owner-store.ts';
import type { SegmentFinding } from './verdict.ts';

export function packFindings(findings: readonly SegmentFinding[], totalShards: number): AuditMemory {
  const width = Math.ceil(totalShards / 8);
  const passed = new Uint8Array(findings.length * width);
  for (const [segment, finding] of findings.entries()) {
    for (const index of finding.passed) {
      const at = segment * width + (index >> 3);
      passed[at] = (passed[at] as number) | (1 << (index & 7));
    }
  }
  return { passed: toBase64Url(passed), answered: toBase64Url(Uint8Array.from(findings, ({ isAnswered }) => (isAnswered ? 1 : 0))) };
}

/** Undefined for text that does not fit the file. */
export function unpackFindings(memory: AuditMemory, segmentCount: number, totalShards: number): SegmentFinding[] | undefined {
  const width = Math.ceil(totalShards / 8);
  const [passed, answered] = [fromBase64Url(memory.passed), fromBase64Url(memory.answered)];
  if (passed?.length !== segmentCount * width || answered?.length !== segmentCount) return undefined;
  const hasPassed = (segment: number, index: number): boolean =>
    (((passed[segment * width + (index >> 3)] as number) >> (index & 7)) & 1) === 1;
  return Array.from({ length: segmentCount }, (_, segment) => ({
    passed: new Set(Array.from({ length: totalShards }, (_, index) => index).filter((index) => hasPassed(segment, index))),
    isAnswered: answered[segment] === 1,
  }));
}
