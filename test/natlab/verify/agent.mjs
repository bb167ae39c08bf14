// One of these runs on each node of the lab and obeys JSON lines on stdin; ends with stdin.
import dgram from 'node:dgram';
import net from 'node:net';
import { createInterface } from 'node:readline';

function agent() {
  const socks = new Map(); // name -> {socket, inbox: [{data, ip, port}], waiters}
  const reply = (n, value) => process.stdout.write(`${JSON.stringify({ n, value })}\n`);
  const ops = {
    bind: ({ sock, port = 0, addr = '0.0.0.0', echo = false }) =>
      new Promise((resolve) => {
        const socket = dgram.createSocket('udp4');
        const s = { socket, inbox: [], waiters: new Set() };
        socks.set(sock, s);
        socket.on('error', () => resolve(null));
        socket.on('message', (buf, from) => {
          const m = { data: buf.toString(), ip: from.address, port: from.port };
          if (echo) {
            let q;
            try {
              q = JSON.parse(m.data);
            } catch {
              return;
            }
            const out = socks.get(q.via) ?? s;
            out.socket.send(JSON.stringify({ id: q.id, ip: m.ip, port: m.port }), m.port, m.ip);
            return;
          }
          s.inbox.push(m);
          for (const w of s.waiters) w(m);
        });
        socket.bind(port, addr, () => resolve(socket.address()));
      }),
    close: ({ sock }) => {
      socks.get(sock)?.socket.close();
      socks.delete(sock);
      return true;
    },
    send: ({ sock, ip, port, data }) =>
      new Promise((resolve) => socks.get(sock).socket.send(data, port, ip, (e) => resolve(e ? e.code : true))),
    // first datagram that contains `data`, already received or within ms
    recv: ({ sock, data, ms }) =>
      new Promise((resolve) => {
        const s = socks.get(sock);
        const hit = s.inbox.find((m) => m.data.includes(data));
        if (hit) return resolve(hit);
        const done = (m) => {
          clearTimeout(t);
          s.waiters.delete(w);
          resolve(m);
        };
        const w = (m) => {
          if (m.data.includes(data)) done(m);
        };
        const t = setTimeout(() => done(null), ms);
        s.waiters.add(w);
      }),
    count: ({ sock, data }) => socks.get(sock).inbox.filter((m) => m.data.includes(data)).length,
    listen: ({ port, addr }) =>
      new Promise((resolve) => {
        const srv = net.createServer((c) => c.on('error', () => {}).end('hello\n'));
        srv.on('error', (e) => resolve(e.code));
        srv.listen(port, addr, () => resolve(true));
      }),
    connect: ({ ip, port, ms }) =>
      new Promise((resolve) => {
        const c = net.connect({ host: ip, port });
        const done = (v) => {
          clearTimeout(t);
          c.destroy();
          resolve(v);
        };
        const t = setTimeout(() => done('timeout'), ms);
        c.on('data', () => done('ok'));
        c.on('error', (e) => done(e.code));
      }),
  };
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const { n, op, ...args } = JSON.parse(line);
      try {
        reply(n, await ops[op](args));
      } catch (e) {
        reply(n, { error: String(e) });
      }
    })
    .on('close', () => process.exit(0));
}

agent();
