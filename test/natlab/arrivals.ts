// What reaches a silent host of the lab: every packet with its time, seen at its network interface before any firewall; needs python3.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type Lab, NATLAB } from './lab.ts';

/** Prints one line of JSON for each IPv4 packet with UDP or TCP that is sent to this host; `ready` first. */
const SNIFFER = `
import json, socket, struct, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.ntohs(0x0800))
print('"ready"', flush=True)
while True:
    packet, where = s.recvfrom(70000)
    if where[2] != 0 or packet[9] not in (6, 17):
        continue
    body = packet[(packet[0] & 15) * 4:]
    source, target = struct.unpack('!HH', body[:4])
    is_udp = packet[9] == 17
    print(json.dumps({
        'atMs': time.monotonic() * 1000,
        'from': socket.inet_ntoa(packet[12:16]),
        'fromPort': source,
        'toPort': target,
        'protocol': 'udp' if is_udp else 'tcp',
        'bytes': len(body) - 8 if is_udp else 0,
        'isSyn': not is_udp and body[13] & 0x12 == 2,
        'sequence': 0 if is_udp else struct.unpack('!I', body[4:8])[0],
        'head': body[8:16].hex() if is_udp else '',
    }), flush=True)
`;

export interface Arrival {
  readonly atMs: number;
  readonly from: string;
  readonly fromPort: number;
  readonly toPort: number;
  readonly protocol: 'udp' | 'tcp';
  /** What a datagram carries, without its headers. */
  readonly bytes: number;
  readonly isSyn: boolean;
  readonly sequence: number;
  /** First bytes of a datagram, hex. */
  readonly head: string;
}

/** Watches one host until it is disposed of. */
export class ArrivalWatch implements Disposable {
  readonly arrivals: Arrival[] = [];
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start(lab: Lab, node: string): Promise<ArrivalWatch> {
    const child = spawn(NATLAB, ['exec', node, 'python3', '-c', SNIFFER], { env: lab.env, stdio: ['ignore', 'pipe', 'inherit'] });
    const watch = new ArrivalWatch(child);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the sniffer on ${node} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const said = JSON.parse(line) as Arrival | 'ready';
        if (said === 'ready') resolve();
        else watch.arrivals.push(said);
      });
    });
    return watch;
  }

  [Symbol.dispose](): void {
    this.#process.kill('SIGKILL');
  }
}

export type DatagramKind = 'check' | 'knock' | 'probe' | 'hello' | 'kad';

const STUN_MAGIC = '2112a442';
const PROBE_BYTES = 10;
/** The longest datagram: no other one of a KadNode goes to whom it has not met. */
const HELLO_BYTES = 1200;

/** A check of ICE, a knock of a hand punch, a probe for a dial-back, a first exchange, or all else that a KadNode sends. */
export function kindOf({ head, bytes }: Arrival): DatagramKind {
  if (head.slice(8, 16) === STUN_MAGIC) return 'check';
  if (head.startsWith('bd01')) return 'knock';
  if (bytes === HELLO_BYTES) return 'hello';
  return bytes === PROBE_BYTES ? 'probe' : 'kad';
}

export const datagrams = (arrivals: readonly Arrival[]): readonly Arrival[] => arrivals.filter(({ protocol }) => protocol === 'udp');

/** First SYNs: what the system repeats of one is the same dial. */
export function dials(arrivals: readonly Arrival[]): readonly Arrival[] {
  const seen = new Set<string>();
  return arrivals.filter(({ isSyn, from, fromPort, toPort, sequence }) => {
    const key = `${from} ${fromPort} ${toPort} ${sequence}`;
    if (!isSyn || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The most that came within any one second. */
export function mostInOneSecond(arrivals: readonly Arrival[]): number {
  const times = arrivals.map(({ atMs }) => atMs).toSorted((a, b) => a - b);
  return Math.max(0, ...times.map((fromMs) => times.filter((atMs) => atMs >= fromMs && atMs < fromMs + 1000).length));
}
