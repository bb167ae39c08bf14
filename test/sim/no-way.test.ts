// A host that is there, and to which no way leads for want of a relay: transfers say so, not that it is away.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MiB, toHex } from '@batchain/shared';
import type { NatKind } from '@batchain/shared/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeSeededFile } from '../e2e/harness.ts';
import { ParticipantWorld, type SimParticipant } from './participant-world.ts';

const SETTLE_MS = 20_000;
const SINGLE = { policy: { k: 1, n: 1 } };
let world: ParticipantWorld;
let folder: string;
let publics: SimParticipant[];
let ana: SimParticipant;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-no-way-'));
  world = new ParticipantWorld('no way');
  const first = await world.add('kad1', { address: '203.0.113.10' }, [], { offerBytes: 0 });
  const second = await world.add('kad2', { address: '198.51.100.20' }, [world.kadAddress(first)], { offerBytes: 0 });
  publics = [first, second];
  ana = await addMember('ana', 'symmetric', 0);
});
afterEach(async () => {
  await world.stop();
  await rm(folder, { recursive: true, force: true });
});

async function addMember(name: string, nat: NatKind, offerBytes: number): Promise<SimParticipant> {
  const member = await world.add(name, { nat }, publics.map(world.kadAddress), { offerBytes });
  await world.simulation.clock.runFor(SETTLE_MS);
  return member;
}

const shortId = ({ nodeId }: SimParticipant): string => toHex(nodeId).slice(0, 8);
const failureOf = (work: Promise<unknown>): Promise<unknown> => world.settle(work.catch((error: unknown) => error));

/** Of the error, for a host to which a relay would lead. */
const relayWanted = (host: SimParticipant) => ({
  why: expect.stringContaining(`${shortId(host)} is online but there is no way to it: no relay is known`),
  fix: `batchain peers --why ${shortId(host)} tells what was tried; a public member can carry the connection: there, batchain start --relay`,
});

it('an upload names the way that is missing, and who could be one', async () => {
  const bo = await addMember('bo', 'symmetric', 100 * MiB);
  const source = await writeSeededFile(join(folder, 'letters.tar'), 1000, 3);
  const failed = await failureOf(ana.node.files.upload(source, SINGLE));
  expect(failed).toMatchObject({ code: 'BAT_E_NOT_ENOUGH_PEERS', ...relayWanted(bo) });
});

it('a download does so too; of a host that is gone it says that it is away', async () => {
  const bo = await addMember('bo', 'open', 100 * MiB);
  const source = await writeSeededFile(join(folder, 'letters.tar'), 1000, 3);
  await world.settle(ana.node.files.upload(source, SINGLE));
  await world.settle(bo.node.stop());
  world.members.splice(world.members.indexOf(bo), 1);
  await world.simulation.clock.runFor(SETTLE_MS);
  const get = (): Promise<unknown> => failureOf(ana.node.files.download('letters.tar', join(folder, 'back')));
  expect(await get()).toMatchObject({
    code: 'BAT_E_TOO_FEW_SHARDS',
    why: `away: ${shortId(bo)}`,
    fix: 'Try again when more hosts are online.',
  });

  // The same computer comes back from behind a router that lets nobody in.
  const moved = await addMember('bo', 'symmetric', 100 * MiB);
  expect(await get()).toMatchObject({ code: 'BAT_E_TOO_FEW_SHARDS', ...relayWanted(moved), details: { away: [toHex(moved.nodeId)] } });
});
