// driven: a process with one end of the bat wire (wire-peer-child.ts), to be killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Address, type KeyPair, keyPairFromSeed, present } from '@batchain/shared';
import { bytesNamed } from './stored-shards.ts';

export interface WirePeer {
  readonly process: ChildProcess;
  readonly keyPair: KeyPair;
  readonly address: Address;
  /** The next thing that it says. */
  next(): Promise<Record<string, unknown>>;
}

/** Starts one in this mode, and waits until it listens. */
export async function spawnWirePeer(mode: string, ...args: string[]): Promise<WirePeer> {
  const path = fileURLToPath(new URL('wire-peer-child.ts', import.meta.url));
  // Who is killed leaves its files behind.
  const folder = mkdtempSync(join(tmpdir(), 'batchain-wire-peer-'));
  const running = spawn(process.execPath, ['--conditions=@batchain/source', '--import', 'tsx', path, mode, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TMPDIR: folder },
  });
  running.on('close', () => rmSync(folder, { recursive: true, force: true }));
  const lines = createInterface({ input: present(running.stdout, 'its output') })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string) as Record<string, unknown>;
  const { port } = await next();
  const keyPair = keyPairFromSeed(bytesNamed(`seed of child ${mode}`, 32));
  return { process: running, keyPair, address: { host: '127.0.0.1', port: Number(port) }, next };
}
