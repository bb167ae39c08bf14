// A process on one node of the NAT laboratory: `observer ADDRESS` answers STUN; `tcp ROLE` and `udp ROLE` are one end of a punch. The
// test passes what one end says of itself to the other, as a broker would.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { TcpPuncher } from '@batchain/bat-node';
import { DatagramDemux, UdpSocket } from '@batchain/kad-node';
import { type Address, type Connection, equalAddress, keyPairFromSeed, present } from '@batchain/shared';
import { createSystemRuntime } from '@batchain/shared/node';
import { ownHosts } from '../../packages/participant/src/adapters/own-addresses.ts';
import { HandPuncher } from '../../packages/participant/src/reach/hand-punch/hand-puncher.ts';
import type { NatFacts, PunchFacts } from '../../packages/participant/src/reach/hand-punch/plan-hand-punch.ts';

const STUN_PORT = 3478;
const [mode = '', roleOrHost = '', nat = '{}', ...observers] = process.argv.slice(2);
const role = roleOrHost === 'caller' ? 'caller' : 'called';
const runtime = createSystemRuntime();
const { signal } = new AbortController();
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);
const hear = async <T>(): Promise<T> => JSON.parse((await lines.next()).value as string) as T;
const keyPairs = ['caller', 'called'].map((name, i) => ({ name, keyPair: keyPairFromSeed(new Uint8Array(32).fill(i + 1)) }));
const own = present(
  keyPairs.find(({ name }) => name === role),
  'a key pair',
).keyPair;
const peer = present(
  keyPairs.find(({ name }) => name !== role),
  'a key pair',
).keyPair;

if (mode === 'observer') {
  await new DatagramDemux(runtime, new UdpSocket({ host: roleOrHost, port: STUN_PORT })).open(() => undefined);
  say({ port: STUN_PORT });
  await once(process.stdin.resume(), 'end');
} else if (mode === 'tcp') {
  const puncher = new TcpPuncher(runtime, own, { ownHosts });
  const prepared = await puncher.prepare();
  say({ localPort: prepared.localPort });
  const remotes = await hear<readonly Address[]>();
  const startMs = runtime.clock.monotonicMs();
  const opened = await prepared.open(remotes, peer.nodeId, role, { signal, timeoutMs: 8_000 });
  const ms = Math.round(runtime.clock.monotonicMs() - startMs);
  say(opened.ok ? { ok: true, ms, path: opened.value.path, ...(await measure(opened.value)) } : { ...opened, ms });
} else {
  const puncher = new HandPuncher(runtime, { openSocket: () => new UdpSocket({ host: '0.0.0.0', port: 0 }), ownHosts });
  const at = observers.map((host) => ({ host, port: STUN_PORT }));
  const prepared = await puncher.prepare(JSON.parse(nat) as NatFacts, at, signal);
  if (!prepared.ok) throw new Error(prepared.reason);
  say(prepared.value.facts);
  const theirs = await hear<PunchFacts>();
  const startMs = runtime.clock.monotonicMs();
  const punched = await prepared.value.run(theirs, { signal, role, key: new Uint8Array(32).fill(9), isVouched: true });
  const ms = Math.round(runtime.clock.monotonicMs() - startMs);
  say(punched.ok ? { ok: true, ms, method: punched.value.method, isHandedOver: await handOver(punched.value) } : { ...punched, ms });
}
process.exit(0);

/** One second of bulk from the caller to the called one. */
async function measure(connection: Connection): Promise<{ readonly bytes: number }> {
  let bytes = 0;
  if (role === 'called') {
    connection.onMessage((message) => {
      bytes += message.length;
    });
    await connection.closed;
    return { bytes };
  }
  connection.onMessage(() => undefined);
  const message = new Uint8Array(256 * 1024);
  for (const endMs = runtime.clock.monotonicMs() + 1_000; runtime.clock.monotonicMs() < endMs; bytes += message.length)
    await connection.send(message);
  connection.close('done');
  return { bytes };
}

/** Another socket on the same port takes the path over, as a data channel does: true when it hears the peer's. */
async function handOver({ localPort, remote }: { readonly localPort: number; readonly remote: Address }): Promise<boolean> {
  const socket = new UdpSocket({ host: '0.0.0.0', port: localPort });
  const greeting = Uint8Array.of(0x42, role === 'caller' ? 1 : 2);
  let isHeard = false;
  await socket.open((bytes, from) => {
    isHeard ||= bytes[0] === 0x42 && bytes[1] !== greeting[1] && equalAddress(from, remote);
  });
  for (let i = 0; i < 20; i++) {
    socket.send(greeting, remote);
    await runtime.clock.sleep(50);
  }
  await socket.close();
  return isHeard;
}
