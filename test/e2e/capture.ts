// Captures what crosses the loopback interface, as an eavesdropper would; needs a raw socket, so root and python3.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** Writes every frame of `lo` to a file until it is told to end; prints `ready` first. */
const SNIFFER = `
import socket, sys, signal, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
s.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)  # SO_RCVBUFFORCE: other tests share the interface
s.bind(('lo', 0))
s.settimeout(0.2)
ends_at = None
def stop(*_):
    global ends_at
    ends_at = time.monotonic() + 5
signal.signal(signal.SIGTERM, stop)
with open(sys.argv[1], 'wb') as out:
    print('ready', flush=True)
    # What waits in the buffer when it is told to end still counts.
    while ends_at is None or time.monotonic() < ends_at:
        try:
            out.write(s.recv(70000))
        except TimeoutError:
            if ends_at is not None:
                break
`;

/** Why nothing can be captured here; undefined when it can. */
export function captureObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'capturing needs Linux';
  if (process.getuid?.() !== 0) return 'capturing needs root';
  if (spawnSync('python3', ['--version']).status !== 0) return 'capturing needs python3';
  return undefined;
}

export class Capture {
  readonly #process: ChildProcess;
  readonly #path: string;

  private constructor(process: ChildProcess, path: string) {
    this.#process = process;
    this.#path = path;
  }

  static async start(path: string): Promise<Capture> {
    const child = spawn('python3', ['-c', SNIFFER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the sniffer ended with ${code}`)));
      createInterface({ input: child.stdout }).once('line', () => resolve());
    });
    return new Capture(child, path);
  }

  /** Every byte that crossed. */
  async stop(): Promise<Buffer> {
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()));
    this.#process.kill('SIGTERM');
    await gone;
    return readFile(this.#path);
  }
}
