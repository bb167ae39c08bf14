// Each router type is asked RFC 5780's questions: which external address did you see, answer me from the other address or port.
import { A, build, Node, natlab, responder, sleep, WAIT } from './nodes.mjs';

async function measure(host, probe) {
  const r = {};
  const addr = natlab('addr', host.name);
  // mapping: one socket, four destinations
  const b = await host.call('bind', { sock: 'm' });
  const seen = [];
  for (const [a, p] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])
    seen.push(await host.ask('m', a, p));
  const [s00, s01, s10, s11] = seen.map((x) => x && `${x.ip}:${x.port}`);
  if (seen.every((x) => !x)) r.mapping = 'no-udp';
  else if (new Set([s00, s01, s10, s11]).size === 1) r.mapping = s00 === `${addr}:${b.port}` ? 'none' : 'EIM';
  else if (s00 === s01 && s10 === s11) r.mapping = 'ADM';
  else r.mapping = 'APDM';
  if (r.mapping === 'no-udp') r.ports = '-';
  else if (seen.every((x) => x?.port === b.port)) r.ports = 'kept';
  else r.ports = seen.slice(1).every((x, i) => x.port === seen[i].port + 1) ? 'counting' : 'random';
  // filtering: a fresh socket that has only ever spoken to (0,0)
  await host.call('bind', { sock: 'f' });
  if (!(await host.ask('f', 0, 0))) r.filtering = '-';
  else if (await host.ask('f', 0, 0, 1, 1)) r.filtering = 'EIF';
  else if (await host.ask('f', 0, 0, 0, 1)) r.filtering = 'ADF';
  else r.filtering = 'APDF';
  // a packet that arrives before the punch: does the mapping survive it?
  r.stray = '-';
  if (r.mapping === 'EIM') {
    await host.call('bind', { sock: 's' });
    const e = await host.ask('s', 0, 0);
    await probe.call('send', { sock: '1.1', ip: e.ip, port: e.port, data: 'stray' });
    await sleep(50);
    const after = await host.ask('s', 1, 1);
    r.stray = after && after.port === e.port ? 'kept' : 'moved';
  }
  // hairpin: two sockets on one host, each sending to the other's external address
  r.hairpin = '-';
  if (seen[0] && r.mapping !== 'none') {
    const e = [];
    for (const k of ['h1', 'h2']) {
      await host.call('bind', { sock: k });
      e.push(await host.ask(k, 0, 0));
    }
    for (let i = 0; i < 3; i++) {
      await host.call('send', { sock: 'h1', ip: e[1].ip, port: e[1].port, data: 'from-h1' });
      await host.call('send', { sock: 'h2', ip: e[0].ip, port: e[0].port, data: 'from-h2' });
    }
    const m = await host.call('recv', { sock: 'h1', data: 'from-h2', ms: WAIT });
    r.hairpin = !m ? 'no' : m.ip === e[1].ip && m.port === e[1].port ? 'yes' : `yes(${m.ip})`;
  }
  // TCP out
  const t = [];
  for (const port of [80, 8080]) if ((await host.call('connect', { ip: A[0], port, ms: WAIT })) === 'ok') t.push(port);
  r.tcp = t.length === 2 ? 'any' : t.join() || 'no';
  for (const sock of ['m', 'f', 's', 'h1', 'h2']) await host.call('close', { sock });
  return r;
}

// Two hosts behind one router using the same local port at the same time.
async function sharedPort(h1, h2) {
  const out = [];
  for (const h of [h1, h2]) {
    await h.call('bind', { sock: 'x', port: 5555 });
    out.push([await h.ask('x', 0, 0), await h.ask('x', 1, 1)]);
  }
  for (const h of [h1, h2]) await h.call('close', { sock: 'x' });
  if (!out[0][0]) return '-';
  const stable = out.map(([p, q]) => p && q && p.port === q.port);
  if (out[0][0].port === out[1][0].port) return 'CLASH';
  return stable[0] && stable[1] ? 'stable' : stable[0] ? '2nd-moves' : 'moves';
}

//                        mapping   filter  ports       stray    hairpin tcp    two hosts, one port
export const EXPECT = {
  'full-cone': ['EIM', 'EIF', 'random', 'kept', 'no', 'any', 'stable'],
  'address-restricted': ['EIM', 'ADF', 'random', 'kept', 'no', 'any', 'stable'],
  'port-restricted': ['EIM', 'APDF', 'random', 'kept', 'no', 'any', 'stable'],
  'full-cone+preserve': ['EIM', 'EIF', 'kept', 'kept', 'no', 'any', 'stable'],
  'port-restricted+preserve': ['EIM', 'APDF', 'kept', 'kept', 'no', 'any', 'stable'],
  'full-cone+hairpin': ['EIM', 'EIF', 'random', 'kept', 'yes', 'any', 'stable'],
  'address-restricted+hairpin': ['EIM', 'ADF', 'random', 'kept', 'yes', 'any', 'stable'],
  'port-restricted+hairpin': ['EIM', 'APDF', 'random', 'kept', 'yes', 'any', 'stable'],
  symmetric: ['APDM', 'APDF', 'random', '-', 'no', 'any', 'moves'],
  'symmetric-seq': ['APDM', 'APDF', 'counting', '-', 'no', 'any', 'moves'],
  'symmetric-ip': ['ADM', 'APDF', 'random', '-', 'no', 'any', 'moves'],
  linux: ['EIM', 'APDF', 'kept', 'kept', 'no', 'any', 'stable'],
  'linux-open': ['EIM', 'APDF', 'kept', 'moved', 'no', 'any', 'stable'],
  'udp-blocked': ['no-udp', '-', '-', '-', '-', 'any', '-'],
  'web-only': ['no-udp', '-', '-', '-', '-', '80', '-'],
  // double NAT, home router / carrier NAT
  'full-cone/full-cone': ['EIM', 'EIF', 'random', 'kept', 'no', 'any', 'stable'],
  'full-cone/port-restricted': ['EIM', 'APDF', 'random', 'kept', 'no', 'any', 'stable'],
  'port-restricted/full-cone': ['EIM', 'APDF', 'random', 'kept', 'no', 'any', 'stable'],
  'linux/address-restricted': ['EIM', 'APDF', 'random', 'kept', 'no', 'any', 'stable'],
  'port-restricted/symmetric': ['APDM', 'APDF', 'random', '-', 'no', 'any', 'moves'],
  // a public address behind a stateful firewall
  fw: ['none', 'APDF', 'kept', '-', '-', 'any', '-'],
  'fw-udp-blocked': ['no-udp', '-', '-', '-', '-', 'any', '-'],
  open: ['none', 'EIF', 'kept', '-', '-', 'any', '-'],
};

function row(cells, widths) {
  console.log(cells.map((c, i) => String(c).padEnd(widths[i])).join(' '));
}

/** Number of types that are not what they claim. */
export async function verifyTypes(wanted) {
  let failures = 0;
  const W = [28, 8, 7, 9, 7, 8, 5, 10, 10];
  row(['TYPE', 'mapping', 'filter', 'ports', 'stray', 'hairpin', 'tcp', 'same-port', 'verdict'], W);
  let topo = `public probe addr=${A[0]} also=${A[1]}\n`;
  wanted.forEach((t, i) => {
    if (t === 'open' || t.startsWith('fw')) {
      const fw = { open: 'none', fw: 'stateful', 'fw-udp-blocked': 'udp-blocked' }[t];
      topo += `public h${i} fw=${fw}\n`;
      return;
    }
    let prev = 'inet';
    t.split('/')
      .reverse()
      .forEach((part, k, all) => {
        topo += `nat r${i}-${k} via=${prev} type=${part} lan=${k < all.length - 1 ? '100.64.1.0/24' : '192.168.1.0/24'}\n`;
        prev = `r${i}-${k}`;
      });
    topo += `host h${i} via=${prev}\nhost g${i} via=${prev}\n`;
  });
  build(topo);
  const probe = await responder();
  await Promise.all(
    wanted.map(async (t, i) => {
      const h = new Node(`h${i}`);
      const twin = t === 'open' || t.startsWith('fw') ? null : new Node(`g${i}`);
      const r = await measure(h, probe);
      r.shared = twin ? await sharedPort(h, twin) : '-';
      await h.end();
      await twin?.end();
      return r;
    }),
  ).then((results) =>
    results.forEach((r, i) => {
      const got = [r.mapping, r.filtering, r.ports, r.stray, r.hairpin, r.tcp, r.shared];
      const want = EXPECT[wanted[i]];
      const bad = got.map((g, k) => (g === want[k] ? null : `${g}, want ${want[k]}`)).filter(Boolean);
      if (bad.length) failures++;
      row([wanted[i], ...got, bad.length ? `FAIL: ${bad.join('; ')}` : 'ok'], W);
    }),
  );
  await probe.end();
  return failures;
}
