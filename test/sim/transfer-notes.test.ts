// What a transfer says of hosts that break off: once for each host and cause, and what is really done about it.
import { join } from 'node:path';
import { toHex } from '@batchain/shared';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeSeededFile } from '../e2e/harness.ts';
import type { Serving } from '../support/bat-member.ts';
import { closesHalfway, flipsABit } from '../support/misbehaviour.ts';
import { SimBatWorld, type SimMember } from '../support/sim-bat-world.ts';
import { misbehaving } from '../support/tampered-stream.ts';

const KiB = 1024;
const SEGMENT_BYTES = 256 * KiB;
const FILE_BYTES = 8 * SEGMENT_BYTES;
const OFFER = 100 * 1024 * KiB;
let world: SimBatWorld;
let owner: SimMember;
let hosts: SimMember[];
let source: string;

beforeEach(async () => {
  world = new SimBatWorld('transfer notes');
  owner = await world.add(0);
  hosts = [];
  source = await writeSeededFile(join(world.folder, 'letters.tar'), FILE_BYTES, 44);
});
afterEach(async () => {
  await world.close();
});

async function addHosts(count: number): Promise<void> {
  for (let i = 0; i < count; i++) hosts.push(await world.add(OFFER));
  world.list.prefer(hosts.map((host) => host.keyPair.nodeId));
}

const shortId = (member: SimMember | undefined): string => toHex(member?.keyPair.nodeId as Uint8Array).slice(0, 8);

const put = async (k: number, n: number, onNote?: (note: string) => void): Promise<string> => {
  const options = { policy: { k, n }, segmentSizeBytes: SEGMENT_BYTES, ...(onNote === undefined ? {} : { onNote }) };
  return toHex((await world.settleReal(owner.node.upload(source, options))).fileId);
};

/** The notes of a download. */
async function notesOfGet(ref: string): Promise<string[]> {
  const notes: string[] = [];
  await world.settleReal(owner.node.download(ref, join(world.folder, 'back'), { onNote: (note) => notes.push(note) }));
  return notes;
}

/** Breaks off like this the first times that it is asked for a shard. */
const hangsUpAtFirst = (times: number): Serving => {
  let left = times;
  return misbehaving({
    fetch: (visit) => {
      if (left-- <= 0) return visit.serve({});
      return visit.serve({
        data: async (bytes) => {
          await visit.stream.sendData(bytes.subarray(0, bytes.length >> 1));
          visit.session.close('tired');
          return new Uint8Array(0);
        },
      });
    },
  });
};

describe('a download from a host that hangs up in all transfers at once', () => {
  it('says once that it tries again, where there is no other', async () => {
    await addHosts(1);
    const ref = await put(1, 1);
    hosts[0]?.behave(hangsUpAtFirst(7));
    expect(await notesOfGet(ref)).toEqual([`${shortId(hosts[0])} stopped answering (closed), trying again`]);
  });

  it('says once that another is used, where there is one', async () => {
    await addHosts(3);
    const ref = await put(2, 3);
    hosts[0]?.behave(closesHalfway);
    expect(await notesOfGet(ref)).toEqual([`${shortId(hosts[0])} stopped answering (closed), using another`]);
  });

  it('says once that its shards are wrong', async () => {
    await addHosts(3);
    const ref = await put(2, 3);
    hosts[0]?.behave(flipsABit);
    expect(await notesOfGet(ref)).toEqual([`${shortId(hosts[0])} gave a wrong shard (bad-bytes), using another`]);
  });
});

describe('an upload to a host that hangs up in all transfers at once', () => {
  it('says once that another is looked for', async () => {
    await addHosts(3);
    hosts[0]?.behave(misbehaving({ store: async ({ session }) => session.close('tired') }));
    const notes: string[] = [];
    await put(1, 2, (note) => notes.push(note));
    expect(notes).toEqual([`${shortId(hosts[0])} failed (closed), looking for another host`]);
  });
});
