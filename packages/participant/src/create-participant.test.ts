// Real participants in this process: real files, UDP and TLS on loopback.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatAddress, toHex } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createParticipant, type ParticipantOptions } from './create-participant.ts';
import type { Participant } from './participant.ts';

const dir = mkdtempSync(join(tmpdir(), 'batchain-participant-'));
const { clock } = createSystemRuntime();
const LOCAL = { host: '127.0.0.1', kadPort: 0, batPort: 0, keepFreeBytes: 0, profile: 'demo' } as const;
const running: Participant[] = [];

async function begin(name: string, options: ParticipantOptions = {}): Promise<Participant> {
  const participant = await createParticipant({ ...LOCAL, home: join(dir, name), ...options });
  running.push(participant);
  return participant;
}

/** Waits for a state that has no event of its own. */
async function eventually<T>(check: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const value = await check();
    if (value !== undefined) return value;
    await clock.sleep(20);
  }
}

afterEach(async () => {
  for (const participant of running.splice(0).reverse()) await participant.stop();
});
afterAll(() => rmSync(dir, { recursive: true, force: true }), 30_000);

describe('SH-16 a participant as a library', () => {
  it('BD-02 BD-03 joins, stores a file on the others, finds it again and tells of its peers', async () => {
    const first = await begin('first', { offerBytes: 50_000_000 });
    const join1 = [formatAddress(first.kadAddress)];
    const second = await begin('second', { offerBytes: 50_000_000, join: join1 });
    const owner = await begin('owner', { offerBytes: 0, join: join1, name: 'ana' });
    await eventually(async () => ((await owner.status()).peers.online >= 2 ? true : undefined));
    const source = join(dir, 'letter.txt');
    writeFileSync(source, 'dear reader\n'.repeat(1000));
    const put = await owner.files.upload(source, { policy: { k: 1, n: 2 } });
    expect(put).toMatchObject({ name: 'letter.txt', bytes: 12_000, placed: 2, policy: { k: 1, n: 2 } });

    expect(await owner.status()).toMatchObject({
      name: 'ana',
      reach: 'lan',
      offer: { bytes: 0 },
      files: { total: 1, good: 1 },
      network: 'batchain',
    });
    const peers = await owner.peers();
    expect(peers.map(({ nodeId }) => nodeId).sort()).toEqual([first, second].map(({ nodeId }) => toHex(nodeId)).sort());
    expect(peers.find(({ nodeId }) => nodeId === toHex(first.nodeId))).toMatchObject({
      kad: formatAddress(first.kadAddress),
      bat: formatAddress(first.batAddress),
    });

    const target = join(dir, 'back.txt');
    await owner.files.download('letter.txt', target);
    expect(readFileSync(target, 'utf8')).toBe(readFileSync(source, 'utf8'));
    expect((await second.status()).offer.usedBytes).toBeGreaterThan(12_000);
  }, 30_000);

  it('an abort or a stop while it starts leaves no port, no lock and no half participant behind', async () => {
    const home = join(dir, 'aborted');
    for (const delayMs of [0, 1, 20]) {
      const controller = new AbortController();
      const made = createParticipant({ ...LOCAL, home, signal: controller.signal });
      const outcome = made.then(
        () => 'a participant',
        (error: unknown) => error,
      );
      if (delayMs > 0) await clock.sleep(delayMs);
      controller.abort(new Error('the user left'));
      expect(await outcome).toEqual(new Error('the user left'));
      expect(existsSync(join(home, 'lock'))).toBe(false);
    }
    const node = await begin('aborted');
    expect((await node.status()).offer.shards).toBe(0);
  }, 20_000);

  it('tells what happens as typed events and as local ones', async () => {
    const first = await begin('teller');
    const seen: string[] = [];
    const stop = first.onEvent(({ name }) => seen.push(name));
    const found = new Promise((resolve) => first.events.once('peer-found', resolve));
    const second = await begin('newcomer', { join: [formatAddress(first.kadAddress)] });
    expect(await found).toMatchObject({ nodeId: second.nodeId });
    expect(seen).toContain('peer.found');
    stop();
  }, 20_000);

  it('BD-07 keeps its id over a restart, knows its peers again, and has its home for itself', async () => {
    const first = await begin('anchor');
    const again = await begin('again', { join: [formatAddress(first.kadAddress)] });
    await expect(begin('again')).rejects.toMatchObject({ code: 'BAT_E_HOME_IN_USE' });
    const { nodeId } = again;
    await again.stop();
    expect(existsSync(join(dir, 'again', 'lock'))).toBe(false);
    const restarted = await begin('again');
    expect(restarted.nodeId).toEqual(nodeId);
    expect((await eventually(async () => ((await restarted.peers()).length > 0 ? restarted.peers() : undefined)))[0]).toMatchObject({
      nodeId: toHex(first.nodeId),
    });
  }, 30_000);

  it('advertises room while it has some, and none when it offers nothing', async () => {
    const host = await begin('host', { offerBytes: 1_000_000 });
    const guest = await begin('guest', { offerBytes: 0 });
    expect([host, guest].map((participant) => participant.kad.contact.contact.flags.stores)).toEqual([true, false]);
  }, 20_000);

  it('ends with its signal, at the end of its block, and gives back what it held when it can not start', async () => {
    const controller = new AbortController();
    const bound = await begin('bound', { signal: controller.signal });
    const stopped = new Promise<void>((resolve) => bound.events.once('stopped', resolve));
    controller.abort();
    await stopped;
    await bound.stop();
    {
      await using scoped = await createParticipant({ ...LOCAL, home: join(dir, 'scoped') });
      expect(existsSync(join(dir, 'scoped', 'lock'))).toBe(true);
      const port = scoped.batAddress.port;
      await expect(begin('clash', { batPort: port })).rejects.toMatchObject({ code: 'BAT_E_PORT_IN_USE' });
      expect(existsSync(join(dir, 'clash', 'lock'))).toBe(false);
    }
    expect(existsSync(join(dir, 'scoped', 'lock'))).toBe(false);
  }, 30_000);
});
