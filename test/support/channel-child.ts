// A process with data channels, for tests of how it ends: `called` to be killed, `close` and `exit` to end by itself, `missing` without the library.
import { register } from 'node:module';
import { createInterface } from 'node:readline/promises';
import { CreditBudget, DataChannelTransport, type IceDescription, openSession } from '@batchain/bat-node';
import { fromHex, keyPairFromSeed, toHex, utf8Bytes } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { openChannel, value } from './channel-pair.ts';
import { bytesNamed } from './stored-shards.ts';

const LOOPBACK = '127.0.0.1';
const runtime = createSystemRuntime();
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
const makeEnd = (name: string) => ({
  identity: keyPairFromSeed(bytesNamed(`seed of ${name}`, 32)),
  transport: new DataChannelTransport(runtime, { ownHosts: () => [LOOPBACK], bindHost: LOOPBACK }),
});
const options = () => ({ signal: new AbortController().signal, timeoutMs: 20_000 });

/** The called end of a session; its nonces are fixed. */
async function answerCall(): Promise<void> {
  const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const offer = JSON.parse((await input.next()).value as string) as IceDescription & { readonly hex: string };
  const remote = { ...offer, fingerprint: fromHex(offer.hex) ?? new Uint8Array(0) };
  const end = makeEnd('called');
  const attempt = value(await end.transport.prepareAnswer(remote, options()));
  say({ ...attempt.local, hex: toHex(attempt.local.fingerprint) });
  const nonces = { caller: bytesNamed('caller', 16), called: bytesNamed('called', 16) };
  const connection = value(await attempt.connect(remote, keyPairFromSeed(bytesNamed('seed of caller', 32)), nonces));
  const config = { nodeId: end.identity.nodeId, networkKey: bytesNamed('network', 32), shardBytesMax: 0, relays: false };
  const session = value(await openSession(runtime, connection, new CreditBudget(), { ...config, onStream: async () => undefined }));
  say({ opened: true });
  await session.closed;
}

/** Both ends here; returns while the connection is open. */
async function openPair() {
  const pair = await openChannel(runtime, makeEnd('ana'), makeEnd('bo'), { timeoutMs: 20_000 });
  const [near, far] = [value(pair.caller), value(await pair.called)];
  const echoed = new Promise((resolve) => near.onMessage(resolve));
  far.onMessage((message) => void far.send(message));
  await near.send(utf8Bytes('hello'));
  await echoed;
  return { near, far };
}

switch (process.argv[2]) {
  case 'called':
    await answerCall();
    break;
  case 'close': {
    // Many, and closed from both ends at once as well: one that the library does not let go of holds the process up.
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const { near, far } = await openPair();
        near.close('done');
        if (i % 2 === 0) far.close('done, too');
        await Promise.all([near.closed, far.closed]);
      }),
    );
    break;
  }
  case 'exit':
    await openPair();
    process.exit(0);
    break;
  case 'missing': {
    const hook = `export const resolve = (name, context, next) => { if (name === 'node-datachannel') throw new Error('no such file'); return next(name, context); };`;
    register(`data:text/javascript,${encodeURIComponent(hook)}`);
    say(await makeEnd('ana').transport.prepareCall(options()));
    break;
  }
}
