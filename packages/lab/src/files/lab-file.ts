// driven: `lab.json`: which nodes a laboratory has, where they live, and what their paths suffer. Nodes follow it.
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceFile } from '@batchain/participant/client';
import { BatChainError, type Random, systemReason, utf8Bytes } from '@batchain/shared';
import { z } from 'zod';
import type { LabFaults, LabMember } from '../faults/fault-table.ts';
import { DELAY_MS_MAX, GROUPS_MAX, LAB_FILE_BYTES_MAX, LAB_PROCESSES_MAX, LAB_SIMULATED_MAX, LOSS_PERCENT_MAX } from '../limits.ts';

const port = z.int().min(1).max(65_535);
const name = z.string().regex(/^node[1-9]\d{0,3}$/);
const delay = z.number().min(0).max(DELAY_MS_MAX);

const faultsSchema: z.ZodType<LabFaults> = z.strictObject({
  lossPercent: z.number().min(0).max(LOSS_PERCENT_MAX),
  delayMs: z.tuple([delay, delay]),
  groups: z.array(z.array(name).max(LAB_SIMULATED_MAX)).max(GROUPS_MAX),
});

const nodeSchema = z.strictObject({
  name,
  nodeId: z.string().regex(/^[0-9a-f]{64}$/),
  kadPort: port,
  batPort: port,
  home: z.string().min(1),
  control: z.string().min(1),
});

const labSchema = z.strictObject({
  format: z.literal(1),
  /** Goes up with every change; a node writes down which one it follows. */
  revision: z.int().min(1),
  mode: z.enum(['processes', 'simulated']),
  network: z.string().min(1).max(64),
  /** False after `down --keep`. */
  isUp: z.boolean(),
  faults: faultsSchema,
  /** Of processes; a simulation tells its own. */
  nodes: z.array(nodeSchema).max(LAB_PROCESSES_MAX),
});

/** A node of a laboratory of processes. */
export interface LabNode extends LabMember {
  readonly home: string;
  readonly control: string;
}

export type LabState = z.infer<typeof labSchema>;

export const labPath = (folder: string): string => join(folder, 'lab.json');

function damaged(path: string, why: string, cause?: unknown): BatChainError {
  return new BatChainError('BAT_E_CONFIG', {
    what: `${path} can not be used`,
    why,
    fix: `remove the folder of the laboratory: ${dirname(path)}`,
    cause,
  });
}

/** Undefined when there is no laboratory. Throws BAT_E_CONFIG for a file that no laboratory wrote. */
export function readLab(folder: string): LabState | undefined {
  const path = labPath(folder);
  let text: string;
  try {
    if (statSync(path).size > LAB_FILE_BYTES_MAX) throw damaged(path, `longer than ${LAB_FILE_BYTES_MAX} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof BatChainError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw damaged(path, systemReason(error), error);
  }
  return parseLab(path, text);
}

export function parseLab(path: string, text: string): LabState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, 'it is no JSON', error);
  }
  const parsed = labSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(path, `${issue?.path.join('.') || 'the whole'}: ${issue?.message}`);
}

export function writeLab(folder: string, state: LabState, entropy: Random): void {
  replaceFile(labPath(folder), utf8Bytes(`${JSON.stringify(labSchema.parse(state), null, 1)}\n`), entropy);
}

/** Changes with every write: a file that was replaced is another one. Undefined when there is none. */
export function labStamp(folder: string): string | undefined {
  const found = statSync(labPath(folder), { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.ino} ${found.mtimeMs} ${found.size}`;
}
