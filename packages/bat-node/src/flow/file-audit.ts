// driven: an audit of one file: a round of questions, what it means for the file, and what is kept of it in the owner's records.
import { toHex } from '@batchain/shared';
import { packFindings, unpackFindings } from '../audit/audit-memory.ts';
import { isDue, lostPlaces, openQuestions, placeKey, planContainment } from '../audit/containment.ts';
import { findSegments, hasAnswered, judgeSegments, type SegmentFinding } from '../audit/verdict.ts';
import { type Manifest, manifestName } from '../manifest/manifest.ts';
import { happyCount } from '../placement/policy.ts';
import type { ContainedHost, OwnedFile } from '../storage/owner-store.ts';
import { adoptHolders, placeOfRow } from './adopter.ts';
import { Auditor, type AuditRound } from './auditor.ts';
import type { FlowDeps } from './flow-deps.ts';
import type { AuditOptions, AuditRow, FileAudit } from './flow-types.ts';
import type { PeerTools } from './host-peer.ts';
import { joinSignals } from './signals.ts';

interface AuditedFile {
  readonly manifest: Manifest;
  readonly owned: OwnedFile | undefined;
}

/** Asks everybody, open questions the same again; what the owner's records say of the file follows. */
export async function auditFile(deps: FlowDeps, tools: PeerTools, found: AuditedFile, options: AuditOptions): Promise<FileAudit> {
  const { away } = options;
  const round = await new Auditor(deps, away === undefined ? tools : { ...tools, away }, found, options).run();
  const rows = await withoutMoved(deps, tools, found, round, options.signal);
  const { roster } = found.manifest;
  const { requiredShards: k, totalShards: n } = roster.scheme;
  const policy = { k, n };
  const facts = { nowMs: deps.runtime.clock.nowMs(), times: deps.times.containment, isWhole: true };
  const judge = (before: readonly ContainedHost[]) => {
    const contained = planContainment(before, round.asked, facts);
    const [open, lost] = [new Set(openQuestions(contained).keys()), lostPlaces(contained)];
    // Whether open questions have an end is judged when it comes, so here they count as those of somebody who has answered.
    const isAnswered = (row: AuditRow): boolean => hasAnswered(row) || round.ended.has(row) || open.has(keyOf(row));
    const findings = findSegments(rows, roster.segments.length, isAnswered);
    return { contained, lost, findings, verdict: judgeSegments(withWaiting(findings, contained), { k, n, happy: happyCount(policy) }) };
  };
  let judged = judge(found.owned?.contained ?? []);
  await deps.ownerStore.update(toHex(roster.fileId), (current) => {
    judged = judge(current.contained ?? []);
    return { ...withContained(current, judged.contained, judged.findings), checkedAtMs: facts.nowMs, ...judged.verdict };
  });
  const { lost, verdict } = judged;
  return {
    fileId: roster.fileId,
    name: manifestName(found.manifest),
    verdict: verdict.health,
    policy,
    shardsHealthy: verdict.shardsHealthy,
    shardsTotal: n,
    rows: rows.map((row) => (lost.has(keyOf(row)) ? { ...row, reason: `${row.reason}; asked for so long that it counts as lost` } : row)),
    challengedBytes: round.challengedBytes,
  };
}

/** New holders of shards that were handed over get a lease of the owner's; the old ones need not be told of where a new one has proved the shard. */
async function withoutMoved(
  deps: FlowDeps,
  tools: PeerTools,
  { manifest, owned }: AuditedFile,
  { rows, moved }: AuditRound,
  signal: AbortSignal | undefined,
): Promise<readonly AuditRow[]> {
  const adopted = owned === undefined ? undefined : await adoptHolders(deps, tools, { manifest, owned }, rows, joinSignals(signal));
  const passed = new Set(rows.filter(({ outcome }) => outcome === 'passed').map(placeOfRow));
  const isOld = (row: AuditRow): boolean =>
    (moved.has(row) && passed.has(placeOfRow(row))) || (row.outcome === 'offline' && adopted?.has(placeOfRow(row)) === true);
  return rows.filter((row) => !isOld(row));
}

/** Asks what is due of the open questions, and nothing else. */
export async function askContained(
  deps: FlowDeps,
  tools: PeerTools,
  { manifest, owned }: { readonly manifest: Manifest; readonly owned: OwnedFile },
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = deps.runtime;
  const times = deps.times.containment;
  const due = (owned.contained ?? []).filter((one) => isDue(one, clock.nowMs(), times));
  const hosts = new Set(due.map(({ host }) => host));
  const round = await new Auditor(deps, tools, { manifest, owned: { ...owned, contained: due } }, { signal }).runOpen(hosts);
  const { requiredShards: k, totalShards: n } = manifest.roster.scheme;
  const segmentCount = manifest.roster.segments.length;
  const facts = { nowMs: clock.nowMs(), times, isWhole: false };
  const updated = await deps.ownerStore.update(owned.id, (current) => {
    const contained = planContainment(current.contained ?? [], round.asked, facts);
    const before = current.findings === undefined ? undefined : unpackFindings(current.findings, segmentCount, n);
    if (before === undefined) return withContained(current, contained, undefined);
    const findings = addPassed(before, round.rows);
    const verdict = judgeSegments(withWaiting(findings, contained), { k, n, happy: happyCount({ k, n }) });
    return { ...withContained(current, contained, findings), ...verdict };
  });
  log.info('bat.containment.asked', { file: owned.id, hosts: hosts.size, open: updated?.contained?.length ?? 0, health: updated?.health });
}

const keyOf = ({ host, segment, index }: AuditRow): string => placeKey(host === undefined ? '' : toHex(host), segment, index);

function addPassed(findings: readonly SegmentFinding[], rows: readonly AuditRow[]): SegmentFinding[] {
  const passed = findings.map((finding) => new Set(finding.passed));
  for (const row of rows) if (row.outcome === 'passed') passed[row.segment]?.add(row.index);
  return findings.map((finding, segment) => ({ ...finding, passed: passed[segment] as Set<number> }));
}

/** A segment with a question that will be asked again has not heard everybody. */
function withWaiting(findings: readonly SegmentFinding[], contained: readonly ContainedHost[]): SegmentFinding[] {
  const open = [...openQuestions(contained.filter(({ isLost }) => !isLost)).values()];
  const waiting = new Set(open.map(({ segment }) => segment));
  return findings.map((finding, segment) => ({ ...finding, isAnswered: finding.isAnswered && !waiting.has(segment) }));
}

/** Findings are kept as long as an answer may add to them. */
function withContained(file: OwnedFile, contained: readonly ContainedHost[], found: readonly SegmentFinding[] | undefined): OwnedFile {
  const { contained: _contained, findings: _findings, ...rest } = file;
  if (contained.length === 0) return rest;
  return { ...rest, contained, ...(found === undefined ? {} : { findings: packFindings(found, file.policy.n) }) };
}
