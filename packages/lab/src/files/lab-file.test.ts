import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatChainError } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_FAULTS } from '../faults/fault-table.ts';
import { noteFollowed, readFollowed } from './followed.ts';
import { type LabState, labPath, labStamp, parseLab, readLab, writeLab } from './lab-file.ts';
import { openLabFolder, removeIfEmpty, removeLabFolder } from './lab-folder.ts';

const { entropy } = createSystemRuntime();
const STATE: LabState = {
  format: 1,
  revision: 1,
  mode: 'processes',
  network: 'batchain-lab',
  isUp: true,
  faults: { ...NO_FAULTS, groups: [['node1'], []] },
  nodes: [{ name: 'node1', nodeId: 'ab'.repeat(32), kadPort: 4870, batPort: 4880, home: '/lab/node1', control: '/lab/node1/control.sock' }],
};
let folder: string;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'batchain-lab-')), 'lab');
  mkdirSync(folder);
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'none';
  } catch (error) {
    return error instanceof BatChainError ? error.code : String(error);
  }
}

describe('lab.json', () => {
  it('comes back as it was written, and is another file after every change', () => {
    expect(readLab(folder)).toBeUndefined();
    expect(labStamp(folder)).toBeUndefined();
    writeLab(folder, STATE, entropy);
    const stamp = labStamp(folder);
    expect(readLab(folder)).toEqual(STATE);
    writeLab(folder, { ...STATE, revision: 2 }, entropy);
    expect(labStamp(folder)).not.toBe(stamp);
    expect(readLab(folder)?.revision).toBe(2);
  });

  it.each([
    ['cut short', '{"format":1,'],
    ['of a later format', JSON.stringify({ ...STATE, format: 2 })],
    ['with a port that is none', JSON.stringify({ ...STATE, nodes: [{ ...STATE.nodes[0], kadPort: 70_000 }] })],
    ['with a name that leads elsewhere', JSON.stringify({ ...STATE, nodes: [{ ...STATE.nodes[0], name: '../node1' }] })],
    ['with a field that nobody knows', JSON.stringify({ ...STATE, extra: true })],
    ['with more nodes than it may have', JSON.stringify({ ...STATE, nodes: Array.from({ length: 65 }, () => STATE.nodes[0]) })],
  ])('%s is refused with the place of what is wrong', (_, text) => {
    expect(codeOf(() => parseLab('lab.json', text))).toBe('BAT_E_CONFIG');
  });

  it('that is far too long is not read', () => {
    writeFileSync(labPath(folder), ' '.repeat(70_000));
    expect(codeOf(() => readLab(folder))).toBe('BAT_E_CONFIG');
  });

  it('is followed to a revision that a node writes down', () => {
    expect(readFollowed(folder)).toBe(0);
    noteFollowed(folder, 7);
    expect(readFollowed(folder)).toBe(7);
    writeFileSync(join(folder, 'lab-revision'), 'garbage');
    expect(readFollowed(folder)).toBe(0);
  });
});

describe('the folder of a laboratory', () => {
  it('is changed by one command at a time', () => {
    const lock = openLabFolder(folder, entropy);
    expect(codeOf(() => openLabFolder(folder, entropy))).toBe('BAT_E_HOME_IN_USE');
    lock.release();
    openLabFolder(folder, entropy).release();
  });

  it('is never one with other things in it: the home of a node, or any folder of a person', () => {
    for (const name of ['identity', 'thesis.txt', 'node1x']) {
      writeFileSync(join(folder, name), 'precious');
      expect(codeOf(() => openLabFolder(folder, entropy))).toBe('BAT_E_HOME_UNUSABLE');
      rmSync(join(folder, name));
    }
  });

  it('is none where a file lies, nor where the system makes no folder', () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'mine');
    expect(codeOf(() => openLabFolder(file, entropy))).toBe('BAT_E_HOME_UNUSABLE');
    expect(codeOf(() => openLabFolder(join(file, 'below'), entropy))).toBe('BAT_E_HOME_UNUSABLE');
  });

  it('loses what the laboratory made and nothing else', () => {
    writeLab(folder, STATE, entropy);
    mkdirSync(join(folder, 'node1'));
    mkdirSync(join(folder, 'node12'));
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    removeLabFolder(folder);
    removeIfEmpty(folder);
    expect(readdirSync(folder)).toEqual(['notes.txt']);
    rmSync(join(folder, 'notes.txt'));
    removeIfEmpty(folder);
    removeLabFolder(folder);
    expect(readdirSync(join(folder, '..'))).toEqual([]);
  });
});
