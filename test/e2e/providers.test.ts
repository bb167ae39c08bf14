import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createParticipant, type Participant, type ParticipantOptions } from '@batchain/participant';
import { formatAddress, formatNodeId } from '@batchain/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

// The pair at work: what a BatNode takes in, its KadNode makes known. Seen by a participant that has no part in the file.

let folder: string;
let hosts: readonly Participant[];
let owner: Participant;
let witness: Participant;

const begin = (name: string, options: ParticipantOptions = {}): Promise<Participant> =>
  createParticipant({ home: join(folder, name), host: '127.0.0.1', kadPort: 0, batPort: 0, keepFreeBytes: 0, profile: 'demo', ...options });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'batchain-providers-'));
  const first = await begin('host1', { offerBytes: 50_000_000 });
  const known = { join: [formatAddress(first.kadAddress)] };
  hosts = [first, await begin('host2', { offerBytes: 50_000_000, ...known })];
  owner = await begin('owner', { offerBytes: 0, ...known });
  witness = await begin('witness', { offerBytes: 0, ...known });
});

afterAll(async () => {
  for (const participant of [witness, owner, ...hosts]) await participant.stop();
  await rm(folder, { recursive: true, force: true });
});

const names = (ids: readonly Uint8Array[]): string[] => ids.map((id) => formatNodeId(id as Participant['nodeId'])).sort();

describe('a BatNode and its KadNode', () => {
  it('BN-29 join as one: whoever finds the node finds where its files can be reached', async () => {
    for (const host of hosts) {
      const record = await witness.kad.getContact(host.nodeId);
      expect(record?.contact.batAddresses).toEqual([host.batAddress]);
      expect(record?.contact.flags.stores).toBe(true);
    }
    expect(names((await witness.kad.findHosts(witness.nodeId)).map(({ nodeId }) => nodeId))).toEqual(
      names(hosts.map(({ nodeId }) => nodeId)),
    );
  });

  it('BN-02 BN-21 once a host has its shards, the network knows it as a provider, also without the owner', async () => {
    const held = hosts.map((host) => new Promise<Uint8Array>((resolve) => host.events.once('shard-held', ({ fileId }) => resolve(fileId))));
    const source = join(folder, 'letter.txt');
    await writeFile(source, 'dear reader\n'.repeat(5000));
    await owner.files.upload(source, { policy: { k: 1, n: 2 } });
    const [fileId, other] = (await Promise.all(held)) as [Uint8Array, Uint8Array];
    expect(other).toEqual(fileId);
    await owner.stop();
    await expect
      .poll(async () => names((await witness.kad.findProviders(fileId)).hostIds), { timeout: 20_000, interval: 100 })
      .toEqual(names(hosts.map(({ nodeId }) => nodeId)));
  });
});
