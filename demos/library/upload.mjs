// A file goes up with its progress shown, is interrupted by an AbortSignal, goes on, and comes back the same.  node upload.mjs
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatChainError, createParticipant, formatAddress } from 'batchain';

const folder = await mkdtemp(join(tmpdir(), 'batchain-upload-'));
const quiet = { host: '127.0.0.1', kadPort: 0, batPort: 0, findsLan: false, keepFreeBytes: 0 };
/** @type {import('batchain').Participant[]} */
const running = [];

/** @type {(name: string, options: import('batchain').ParticipantOptions) => Promise<import('batchain').Participant>} */
async function start(name, options) {
  const node = await createParticipant({ ...quiet, home: join(folder, name), ...options });
  running.push(node);
  return node;
}

try {
  // Two that give room, and one that owns a file.
  const first = await start('first', { offerBytes: 100_000_000 });
  const member = [formatAddress(first.kadAddress)];
  await start('second', { offerBytes: 100_000_000, join: member });
  const owner = await start('owner', { offerBytes: 0, join: member });
  const source = join(folder, 'holiday.bin');
  await writeFile(source, randomBytes(32_000_000));
  const options = { policy: { k: 1, n: 2 }, segmentSizeBytes: 1_000_000 };

  // Somebody changes their mind half way.
  const controller = new AbortController();
  try {
    await owner.files.upload(source, {
      ...options,
      signal: controller.signal,
      onProgress: ({ doneBytes, totalBytes }) => {
        if (doneBytes > totalBytes / 2) controller.abort(new Error('the user pressed stop'));
      },
    });
  } catch (error) {
    console.log(`interrupted: ${error instanceof Error ? error.message : error}`);
  }

  // The same call again goes on with the segments that no host has confirmed.
  let shown = -1;
  const put = await owner.files.upload(source, {
    ...options,
    signal: AbortSignal.timeout(60_000),
    onProgress: ({ doneBytes, totalBytes }) => {
      const percent = Math.floor((doneBytes / totalBytes) * 4) * 25;
      if (percent === shown) return;
      shown = percent;
      console.log(`${percent} % of ${totalBytes} bytes`);
    },
  });
  console.log(`on ${put.placed} hosts; ${put.resumedBytes} bytes were there from before`);

  const target = join(folder, 'copy.bin');
  await owner.files.download(put.manifestPath, target, { signal: AbortSignal.timeout(60_000) });
  console.log((await readFile(target)).equals(await readFile(source)) ? 'the copy is identical' : 'the copy differs');

  // Nothing is written over; what went wrong comes with a code, a reason and a way out.
  await owner.files.download(put.manifestPath, target).catch((error) => {
    if (!(error instanceof BatChainError)) throw error;
    console.log(`${error.code}: ${error.fix}`);
  });
} finally {
  for (const node of running.reverse()) await node.stop();
  await rm(folder, { recursive: true });
}
