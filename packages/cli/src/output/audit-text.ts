// pure: an audit in words: what each peer proved, how many copies of each shard there are, pass or fail by the policy (BN-58).
import type { AuditResult } from '@batchain/participant/client';
import { countText, healthText, shortIdText } from './health-text.ts';
import { hostWords } from './host-words.ts';
import { printable, wrapText } from './printable.ts';
import { shellWord } from './shell-word.ts';
import type { Style } from './style.ts';
import { formatTable } from './table.ts';

type FileAudit = AuditResult['files'][number];
type Row = FileAudit['shards'][number];

/** Beyond this only shards with trouble are listed one by one, unless --verbose asks for all. */
const SHARDS_LISTED_MAX = 32;

/** 0 all good, 3 some offline, contained or not to be asked, 7 any failed. */
export function exitOfAudit({ files }: AuditResult): number {
  const outcomes = new Set(files.flatMap((file) => file.shards.map((row) => row.outcome)));
  if (outcomes.has('failed') || files.some((file) => file.verdict === 'lost')) return 7;
  return [...outcomes].every((outcome) => outcome === 'passed') && files.every(({ reason }) => reason === null) ? 0 : 3;
}

/** The host says itself that it has the shard no longer: lost, and no lie. */
const isMissing = ({ outcome, reason }: Row): boolean => outcome === 'failed' && /does not hold/.test(reason);

function hostLines(style: Style, rows: readonly Row[]): string[] {
  const byHost = new Map<string, Row[]>();
  for (const row of rows) {
    const host = row.host === null ? 'nobody' : shortIdText(row.host);
    byHost.set(host, [...(byHost.get(host) ?? []), row]);
  }
  return [...byHost].map(([host, held]) => {
    const count = (outcome: Row['outcome']): number => held.filter((row) => row.outcome === outcome).length;
    const missing = held.filter(isMissing).length;
    const failed = count('failed') - missing;
    const silent = count('offline');
    const unsure = count('contained') + count('inconclusive');
    const words = [
      `${count('passed')}/${held.length} ok`,
      ...(missing > 0 ? [style.tint('red', `${missing} missing`)] : []),
      ...(failed > 0 ? [style.tint('red', `${failed} WRONG`)] : []),
      ...(silent > 0 ? [style.tint('yellow', `${silent} no answer`)] : []),
      ...(unsure > 0 ? [style.tint('yellow', `${unsure} not proved yet`)] : []),
    ];
    return `  ${host.padEnd(8)}  ${words.join(', ')}`;
  });
}

/** One line per distinct shard: equal shards (full copies) count together. */
function shardLines(style: Style, file: FileAudit, isVerbose: boolean): string[] {
  const distinct = new Map<string, Row[]>();
  for (const row of file.shards) distinct.set(row.shardId, [...(distinct.get(row.shardId) ?? []), row]);
  const all = [...distinct.values()];
  const shown = isVerbose || all.length <= SHARDS_LISTED_MAX ? all : all.filter((rows) => rows.some((row) => row.outcome !== 'passed'));
  const rows = shown.map((copies) => {
    const right = copies.filter((row) => row.outcome === 'passed').length;
    const wrong = copies.filter((row) => row.outcome !== 'passed');
    const [first] = copies as [Row];
    const outcomes = [...new Set(wrong.map((row) => (isMissing(row) ? 'missing' : row.outcome)))].join(', ');
    return [shortIdText(first.shardId), String(first.segment), `${right} of ${copies.length}`, outcomes];
  });
  if (rows.length === 0) return [];
  const columns = [{ title: 'SHARD' }, { title: 'SEGMENT', dropOrder: 2 }, { title: 'COPIES' }, { title: '' }];
  const [head = '', ...lines] = formatTable(columns, rows, style.width - 4).map((line) => `    ${line}`);
  return [head, ...lines.flatMap((line, i) => [line, ...reasonLines(style, shown[i] ?? [])])];
}

/** Whole in any case: a script reads one line each, a person wrapped ones. */
function reasonLines(style: Style, copies: readonly Row[]): string[] {
  const wrong = copies.filter((row) => row.outcome !== 'passed');
  const lines = wrong.map(
    ({ host, reason }) => `      ${host === null ? 'nobody' : shortIdText(host)}${reasonText(reason, style.isAscii)}`,
  );
  return [...new Set(lines)].flatMap((line) => (style.isTerminal ? wrapText(line, style.width) : [line]));
}

function reasonText(reason: string, isAscii: boolean): string {
  const words = hostWords(reason);
  return words === undefined ? `: ${printable(reason, isAscii)}` : ` ${words}`;
}

/** Pass: enough right shards are left to give the file back; how far it is from its target is the health's word. */
function judgement(style: Style, { verdict, policy: { k, n } }: FileAudit): string {
  const needed = `${k} of ${n} ${k === 1 ? 'is' : 'are'} needed`;
  if (verdict === 'lost') return style.tint('red', `fail: ${needed}`);
  if (verdict === 'unknown') return style.tint('yellow', `unsure: ${needed}`);
  return style.tint(verdict === 'at-risk' ? 'yellow' : 'green', `pass: any ${k} of ${n} ${k === 1 ? 'restores' : 'restore'} it`);
}

const VERDICT_WORDS: Partial<Record<FileAudit['verdict'], string>> = {
  good: 'meets its policy.',
  lost: 'can not be restored any more.',
  unknown: 'can not be judged now: too few hosts answered.',
};

/** What helps the owner; nothing rebuilds shards by itself yet. */
function adviceLines({ files }: AuditResult): string[] {
  const names = (verdict: FileAudit['verdict']): string =>
    files
      .filter((file) => file.verdict === verdict)
      .map(({ name }) => shellWord(printable(name)))
      .join(' ');
  const [lost, atRisk] = [names('lost'), names('at-risk')];
  return [
    ...(atRisk === '' ? [] : [`Whole again when its hosts are back; to be safe now, get and put again: ${atRisk}`]),
    ...(lost === '' ? [] : [`Put again from the original: ${lost}`]),
  ];
}

/** One sentence about all of them; about the one when there is one. */
function lastLine({ files }: AuditResult, isAscii: boolean): string {
  const unsure = files.filter((file) => file.verdict === 'unknown').length;
  const below = files.filter((file) => file.verdict !== 'good').length - unsure;
  const [only] = files;
  if (files.length === 1 && only !== undefined) {
    return `${printable(only.name, isAscii)} ${VERDICT_WORDS[only.verdict] ?? 'is below its target.'}`;
  }
  if (below + unsure === 0) return `All ${files.length} files meet their policy.`;
  return `${below} of ${countText(files.length, 'file')} below target${unsure > 0 ? `, ${unsure} can not be judged now` : ''}.`;
}

function fileLines(style: Style, file: FileAudit, isVerbose: boolean): string[] {
  const head = `${shortIdText(file.id)}  ${printable(file.name, style.isAscii)}`;
  if (file.reason !== null) return [`${head}  ${style.tint('red', 'unknown')}  unsure: ${printable(file.reason, style.isAscii)}`];
  const health = healthText(style, file.verdict, file.shardsHealthy, file.shardsTotal);
  return [`${head}  ${health}  ${judgement(style, file)}`, ...shardLines(style, file, isVerbose)];
}

export function auditLines(style: Style, result: AuditResult, isVerbose: boolean): string[] {
  if (result.files.length === 0) return ['No files to audit.'];
  return [
    ...hostLines(
      style,
      result.files.flatMap((file) => file.shards),
    ),
    ...result.files.flatMap((file) => fileLines(style, file, isVerbose)),
    lastLine(result, style.isAscii),
    ...adviceLines(result),
  ];
}
