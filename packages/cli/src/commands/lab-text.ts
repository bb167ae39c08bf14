// driven: a laboratory in lines of text.
import { join } from 'node:path';
import type { LabNodeStatus, LabStatus } from '@batchain/lab';
import { formatDuration } from '@batchain/participant/client';
import { countText, shortIdText } from '../output/health-text.ts';
import { shellWord } from '../output/shell-word.ts';
import type { Style, Tint } from '../output/style.ts';
import { formatTable } from '../output/table.ts';

/** More rows than a screen has tell nothing; --all shows them. */
export const LAB_ROWS_MAX = 24;
/** Names of one group of a partition. */
const GROUP_NAMES_MAX = 6;

const COLUMNS = [
  { title: 'NAME' },
  { title: 'STATE' },
  { title: 'PEERS' },
  { title: 'KAD', dropOrder: 1 },
  { title: 'BAT', dropOrder: 2 },
  { title: 'NODE', dropOrder: 3 },
];
const STATE_TINTS: Readonly<Record<LabNodeStatus['state'], Tint>> = { up: 'green', partitioned: 'yellow', killed: 'red' };

/** What programs are told besides the nodes. */
export function labCounts({ nodes }: LabStatus): {
  readonly total: number;
  readonly up: number;
  readonly killed: number;
  readonly joined: number;
} {
  const killed = nodes.filter(({ state }) => state === 'killed').length;
  return { total: nodes.length, up: nodes.length - killed, killed, joined: nodes.filter(({ joined }) => joined).length };
}

const percentText = (ratio: number): string => `${Math.round(ratio * 100)} %`;

export function groupsText(groups: readonly (readonly string[])[]): string {
  const one = (group: readonly string[]): string =>
    group.length <= GROUP_NAMES_MAX
      ? group.join(', ')
      : `${group.slice(0, GROUP_NAMES_MAX).join(', ')} and ${group.length - GROUP_NAMES_MAX} more`;
  return groups.map(one).join(' | ');
}

function faultsText({ lossPercent, delayMs: [low, high], groups }: LabStatus['faults']): string {
  const delay = low === high ? `delay ${low} ms` : `delay ${low} to ${high} ms`;
  const faults = [
    ...(lossPercent > 0 ? [`loss ${lossPercent} %`] : []),
    ...(high > 0 ? [delay] : []),
    ...(groups.length > 0 ? [`partition: ${groupsText(groups)}`] : []),
  ];
  return faults.length === 0 ? 'none' : faults.join(', ');
}

function simulationText({ simulation }: LabStatus): string[] {
  if (simulation === undefined) return [];
  const { elapsedMs, speed, speedReached, nat, seed, size, lookups } = simulation;
  const reached = speedReached === null ? '' : `, ${speedReached.toFixed(1)} times as fast as the clock (asked for: ${speed})`;
  return [
    `Time      ${formatDuration(elapsedMs)} simulated${reached}; NAT ${nat}, seed ${seed}`,
    `Size      one node takes it for ${size.estimate} nodes, give or take ${percentText(size.errorRatio)}; it is ${size.true}${nat === 'none' ? '' : ' that are public'}`,
    `Lookups   ${lookups.found} of ${lookups.total} nodes found`,
  ];
}

function tableOf(style: Style, nodes: readonly LabNodeStatus[]): string[] {
  const rows = nodes.map(({ name, state, peersOnline, kad, bat, nodeId }) => [
    name,
    style.tint(STATE_TINTS[state], state),
    state === 'killed' ? '-' : String(peersOnline),
    kad,
    bat,
    shortIdText(nodeId),
  ]);
  return formatTable(COLUMNS, rows, style.width);
}

export function labText(style: Style, lab: LabStatus, wantsAll: boolean): string[] {
  const { total, up, killed, joined } = labCounts(lab);
  const kind = lab.mode === 'simulated' ? ', simulated in one process' : ' on 127.0.0.1, each a process with a home';
  const lost = killed === 0 ? '' : `, ${killed} killed`;
  const table = wantsAll || total <= LAB_ROWS_MAX ? ['', ...tableOf(style, lab.nodes)] : [`Each node: batchain lab status --all`];
  return [
    `Lab       ${countText(total, 'node')}${kind}: ${up} up${lost}, ${joined} joined`,
    `Folder    ${lab.folder}`,
    `Faults    ${faultsText(lab.faults)}`,
    ...simulationText(lab),
    ...table,
  ];
}

/** What one does next with a laboratory that has just come up. */
export function nextText(lab: LabStatus, homeFlag: string): string[] {
  const home = lab.nodes.find((node) => node.home !== null && node.state !== 'killed')?.home ?? join(lab.folder, 'node1');
  return [
    '',
    `Use a node:  batchain put FILE --home ${shellWord(home)}`,
    `Break it:    batchain lab kill 2${homeFlag}`,
    `End it:      batchain lab down${homeFlag}`,
  ];
}
