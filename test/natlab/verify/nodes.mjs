// The lab under test and the agents on its nodes.
import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const AGENT = fileURLToPath(new URL('agent.mjs', import.meta.url));
export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const NATLAB = process.env.NATLAB;
export const A = ['203.0.113.10', '203.0.113.11'];
export const P = [3478, 3479];
export const WAIT = Number(process.env.NATLAB_WAIT ?? 350); // ms before silence counts as silence
export const lab = `verify-${process.pid}`;
export const natlab = (...args) => execFileSync(NATLAB, args, { env: { ...process.env, NATLAB_LAB: lab }, encoding: 'utf8' }).trim();

/** Builds the lab under test from a topology. */
export const build = (topology) =>
  execFileSync(NATLAB, ['up', '-'], { env: { ...process.env, NATLAB_LAB: lab }, input: topology, stdio: ['pipe', 'inherit', 'inherit'] });

export class Node {
  constructor(name) {
    this.name = name;
    this.n = 0;
    this.waiting = new Map();
    this.proc = spawn(NATLAB, ['exec', name, process.execPath, AGENT], {
      env: { ...process.env, NATLAB_LAB: lab },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.proc.stdout }).on('line', (l) => {
      const { n, value } = JSON.parse(l);
      this.waiting.get(n)?.(value);
      this.waiting.delete(n);
    });
    this.exited = new Promise((r) =>
      this.proc.on('exit', (c, s) => {
        this.dead = s ?? c;
        r();
        for (const w of this.waiting.values()) w(null);
      }),
    );
  }
  call(op, args = {}) {
    const n = ++this.n;
    return new Promise((r) => {
      this.waiting.set(n, r);
      this.proc.stdin.write(`${JSON.stringify({ n, op, ...args })}\n`);
    });
  }
  // what external address does the responder at (a,p) see, answering from (va,vp)?
  async ask(sock, a, p, va = a, vp = p, ms = WAIT) {
    const id = `q${++Node.ids}.`;
    await this.call('send', { sock, ip: A[a], port: P[p], data: JSON.stringify({ id, via: `${va}.${vp}` }) });
    const m = await this.call('recv', { sock, data: id, ms });
    return m && { ...JSON.parse(m.data), from: `${m.ip}:${m.port}` };
  }
  end() {
    this.proc.stdin.end();
    return this.exited;
  }
}
Node.ids = 0;

export async function responder() {
  const s = new Node('probe');
  for (const a of [0, 1]) for (const p of [0, 1]) await s.call('bind', { sock: `${a}.${p}`, addr: A[a], port: P[p], echo: true });
  for (const port of [80, 8080]) await s.call('listen', { port, addr: A[0] });
  return s;
}
