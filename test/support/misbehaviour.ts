// driven: hosts that misbehave, each named by what it does. They lie on top of the honest code, so all else about them is right.
import { type BatStream, digestShard, type FileId } from '@batchain/bat-node';
import { type ContactRecord, concatBytes, createCrypto, type Runtime } from '@batchain/shared';
import { shardIdsOf } from '../../packages/bat-node/src/manifest/manifest.ts';
import { openRoster } from '../../packages/bat-node/src/manifest/roster-codec.ts';
import { batAnswerCodec } from '../../packages/bat-node/src/wire/frame-codecs.ts';
import type { BatRequest, HeldShard, StorageReceipt } from '../../packages/bat-node/src/wire/frames.ts';
import { openReceipt, signReceipt } from '../../packages/bat-node/src/wire/receipt.ts';
import type { Serving } from './bat-member.ts';
import { misbehaving, type Visit } from './tampered-stream.ts';

const DAY_MS = 86_400_000;

const flipped = (bytes: Uint8Array): Uint8Array => {
  const changed = bytes.slice();
  changed[changed.length >> 1] = (changed[changed.length >> 1] as number) ^ 0x10;
  return changed;
};

/** Never answers; over when the other side has had enough. */
const beSilent = async ({ stream, session }: Pick<Visit<'fetch'>, 'session' | 'stream'>): Promise<void> => {
  try {
    while ((await stream.next()) !== undefined);
  } catch {
    return;
  }
  await session.closed;
};

/** FETCH. */
export const flipsABit: Serving = misbehaving({ fetch: (visit) => visit.serve({ data: flipped }) });

export const truncates: Serving = misbehaving({
  fetch: (visit) => visit.serve({ data: (bytes, offset) => (offset === 0 ? bytes.subarray(0, bytes.length - 64) : new Uint8Array(0)) }),
});

export const lengthens: Serving = misbehaving({
  fetch: (visit) => visit.serve({ data: (bytes) => concatBytes(bytes, new Uint8Array(64)) }),
});

/** Right leaf hashes, but the bytes of something else. */
export const servesOtherBytes: Serving = misbehaving({ fetch: (visit) => visit.serve({ data: (bytes) => bytes.map((_, i) => i & 0xff) }) });

/** Asked for one shard it serves another, in itself right. */
export const servesAnotherShard = (other: (asked: Extract<BatRequest, { verb: 'fetch' }>) => Uint8Array): Serving =>
  misbehaving({
    fetch: async (visit) => {
      const bytes = other(visit.request);
      const { leafHashes } = digestShard(bytes);
      await visit.answer({ kind: 'serving', shardBytes: bytes.length, offset: 0, length: bytes.length, leafHashes });
      await visit.stream.sendData(bytes);
      await visit.stream.end();
    },
  });

export const liesAboutLeafHashes: Serving = misbehaving({
  fetch: (visit) =>
    visit.serve({
      answer: (answer) => (answer.kind === 'serving' ? { ...answer, leafHashes: answer.leafHashes.map((hash) => flipped(hash)) } : answer),
    }),
});

/** Half of the data, then a refusal. */
export const refusesHalfway: Serving = misbehaving({
  fetch: (visit) =>
    visit.serve({
      data: async (bytes) => {
        await visit.stream.sendData(bytes.subarray(0, bytes.length >> 1));
        await visit.answer({ kind: 'refused', reason: 'io-error', detail: '' });
        await visit.stream.end();
        return new Uint8Array(0);
      },
    }),
});

/** Half of the data, then the connection is gone. */
export const closesHalfway: Serving = misbehaving({
  fetch: (visit) =>
    visit.serve({
      data: async (bytes) => {
        await visit.stream.sendData(bytes.subarray(0, bytes.length >> 1));
        visit.session.close('tired');
        return new Uint8Array(0);
      },
    }),
});

/** Connects, says HELLO, and answers no request of these kinds. */
export const silentOn = (...verbs: BatRequest['verb'][]): Serving =>
  misbehaving(Object.fromEntries(verbs.map((verb) => [verb, beSilent])) as Parameters<typeof misbehaving>[0]);

/** One byte of each answer to FETCH every ten seconds. */
export const drips = (runtime: Runtime): Serving =>
  misbehaving({
    fetch: (visit) =>
      visit.serve({
        data: async (bytes) => {
          for (const byte of bytes) {
            await visit.stream.sendData(Uint8Array.of(byte));
            await runtime.clock.sleep(10_000);
          }
          return new Uint8Array(0);
        },
      }),
  });

/** STORE: takes each piece of data only after so long. */
export const takesSlowly = (runtime: Runtime, pauseMs: number): Serving =>
  misbehaving({
    store: (visit) => visit.serve({ before: (what) => (what === 'item' ? runtime.clock.sleep(pauseMs) : Promise.resolve()) }),
  });

/** STORE: makes the shard durable at once and says so after so long. */
export const confirmsLate = (runtime: Runtime, delayMs: number): Serving =>
  misbehaving({
    store: (visit) => {
      let answers = 0;
      // The first answer accepts, the second is the receipt.
      return visit.serve({ before: (what) => (what === 'answer' && ++answers === 2 ? runtime.clock.sleep(delayMs) : Promise.resolve()) });
    },
  });

/** HAVE: names these shards, whatever it holds. */
export const claims = (held: (fileId: FileId) => readonly HeldShard[]): Serving =>
  misbehaving({
    have: async (visit) => {
      await visit.answer({ kind: 'held', shards: held(visit.request.fileId), hasMore: false });
      await visit.stream.end();
    },
  });

/** Holds everything and admits nothing. */
export const hides: Serving = claims(() => []);

export interface FakeStoring {
  /** What the receipt of a COMMIT names: nothing, or every shard of the roster. */
  readonly commit: 'omits' | 'invents';
}

/** Accepts every STORE with a good receipt and keeps nothing. */
export const keepsNothing = ({ commit }: FakeStoring): Serving => {
  const leases = new Map<string, Uint8Array>();
  const sign = async (visit: Visit<'store'> | Visit<'commit'>, shards: readonly HeldShard[], isCommitted: boolean): Promise<void> => {
    const { keyPair } = visit.member;
    const fileId = visit.request.verb === 'store' ? visit.request.order.fileId : visit.request.fileId;
    const receipt: StorageReceipt = {
      hostKey: keyPair.publicKey,
      ownerKey: visit.session.connection.peer.publicKey,
      leaseId: leases.get(fileId.join()) as Uint8Array,
      fileId,
      shards,
      durableSinceMs: Date.now(),
      leaseUntilMs: Date.now() + 30 * DAY_MS,
      isCommitted,
    };
    await sendReceipt(visit.stream, signReceipt(keyPair, receipt));
  };
  return misbehaving({
    store: async (visit) => {
      const { segment, index, shardId, length, fileId, leaseId } = visit.request.order;
      leases.set(fileId.join(), leaseId);
      await visit.answer({ kind: 'accepted', offset: 0 });
      await visit.readAll();
      await sign(visit, [{ segment, index, shardId, length, isDamaged: false }], false);
    },
    commit: async (visit) => {
      const bytes = concatBytes(...(await visit.readAll()));
      const roster = openRoster(createCrypto().verifier, bytes.slice(0, -64), bytes.slice(-64));
      if (!roster.ok) throw new Error('a roster');
      const invented = roster.value.roster.segments.flatMap((segment, at) =>
        shardIdsOf(segment).map((shardId, index) => ({ segment: at, index, shardId, length: segment.shardLength, isDamaged: false })),
      );
      await sign(visit, commit === 'invents' ? invented : [], true);
    },
  });
};

/** Stores honestly, but its receipts are changed before they are signed. */
export const signsOtherwise = (change: (receipt: StorageReceipt) => StorageReceipt): Serving =>
  misbehaving({
    store: (visit) => serveWithReceipt(visit, change),
    commit: (visit) => serveWithReceipt(visit, change),
    renew: (visit) => serveWithReceipt(visit, change),
  });

/** RENEW: signs for what it says here, whatever it holds. */
export const boasting = (change: (receipt: StorageReceipt) => StorageReceipt): Serving =>
  misbehaving({ renew: (visit) => serveWithReceipt(visit, change) });

async function serveWithReceipt(
  visit: Visit<'store'> | Visit<'commit'> | Visit<'renew'>,
  change: (receipt: StorageReceipt) => StorageReceipt,
): Promise<void> {
  await visit.serve({
    answer: (answer) => (answer.kind === 'receipt' ? undefined : answer),
    data: async (bytes) => {
      const receipt = openReceipt(createCrypto().verifier, bytes);
      if (!receipt.ok) throw new Error('a receipt');
      const changed = signReceipt(visit.member.keyPair, change(receipt.value));
      await visit.stream.sendControl(batAnswerCodec.encode({ kind: 'receipt', receiptBytes: changed.length }));
      return changed;
    },
  });
}

async function sendReceipt(stream: BatStream, receipt: Uint8Array): Promise<void> {
  await stream.sendControl(batAnswerCodec.encode({ kind: 'receipt', receiptBytes: receipt.length }));
  await stream.sendData(receipt);
  await stream.end();
}

/** CHALLENGE: answers with what it answered the first time, whichever leaves are asked for. */
export const replaysAudits = (): Serving => {
  const seen: { control: Uint8Array; data: Uint8Array }[] = [];
  return misbehaving({
    challenge: async (visit) => {
      if (seen.length > 0) {
        for (let i = 0; i < visit.request.leaves.length; i++) {
          const { control, data } = seen[i % seen.length] as (typeof seen)[number];
          await visit.stream.sendControl(control);
          await visit.stream.sendData(data);
        }
        return visit.stream.end();
      }
      let control = new Uint8Array(0);
      await visit.serve({
        answer: (answer) => {
          control = batAnswerCodec.encode(answer) as Uint8Array<ArrayBuffer>;
          return answer;
        },
        data: (bytes) => {
          seen.push({ control, data: bytes.slice() });
          return bytes;
        },
      });
    },
  });
};

/** CHALLENGE: knows all hashes and paths, and no longer has the bytes. */
export const keepsOnlyHashes: Serving = misbehaving({
  challenge: (visit) => visit.serve({ data: (bytes) => new Uint8Array(bytes.length) }),
  fetch: (visit) => visit.serve({ data: (bytes) => new Uint8Array(bytes.length) }),
});

/** CHALLENGE: hands the request to another host and its answer back. */
export const asksAnother = (other: { readonly record: ContactRecord }): Serving =>
  misbehaving({
    challenge: async (visit) => {
      const { record } = other;
      const signal = new AbortController().signal;
      const session = await visit.member.pool.connect({ nodeId: record.nodeId, record }, { signal, timeoutMs: 5_000 });
      if (!session.ok) throw new Error(session.reason);
      const through = await session.value.openStream();
      await through.sendControl(visit.requestBytes);
      for (let item = await through.next(); item !== undefined; item = await through.next()) {
        if (item.kind === 'control') await visit.stream.sendControl(item.bytes);
        else await visit.stream.sendData(item.bytes);
      }
      await visit.stream.end();
    },
  });
