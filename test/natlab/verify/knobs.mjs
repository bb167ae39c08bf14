// Each knob is turned once, and what it does is looked at from the nodes.
import { execFileSync } from 'node:child_process';
import { A, build, lab, Node, natlab, P, responder, sleep, WAIT } from './nodes.mjs';

/** Number of knobs that do not do what they should. */
export async function verifyKnobs() {
  let failures = 0;
  const check = (name, ok, note = '') => {
    if (!ok) failures++;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}${note ? `  (${note})` : ''}`);
  };
  const topo = `public probe addr=${A[0]} also=${A[1]}\npublic other\nnat r type=port-restricted\nhost a via=r\nhost b via=r\n`;
  build(topo);
  const probe = await responder();
  const a = new Node('a'),
    other = new Node('other');
  await a.call('bind', { sock: 's', port: 6000 });
  await other.call('bind', { sock: 's' });
  const up = async () => Boolean(await a.ask('s', 0, 0));
  const tcp = async () => (await a.call('connect', { ip: A[0], port: 8080, ms: WAIT })) === 'ok';
  check('baseline: UDP and TCP pass', (await up()) && (await tcp()));
  // nothing leaves the lab: every interface is one end of a veth pair whose other
  // end is in the lab too (or a bridge over such), and the gateway has no route on
  const nodes = [...JSON.parse(natlab('json')).nodes.map((x) => x.netns), `natlab-${lab}-inet`];
  const links = (ns) =>
    execFileSync('nsenter', [`--net=/run/netns/${ns}`, 'ip', '-o', '-d', 'link'], { encoding: 'utf8' })
      .trim()
      .split('\n');
  check(
    'every link of the lab ends in the lab',
    nodes.every((ns) =>
      links(ns).every(
        (l) =>
          /LOOPBACK/.test(l) ||
          / bridge /.test(l) ||
          (/ veth /.test(l) && nodes.includes(/link-netns (\S+)/.exec(l)?.[1])) ||
          /@NONE|state DOWN/.test(l),
      ),
    ),
  );
  const gw = (...c) => {
    try {
      return execFileSync('nsenter', [`--net=/run/netns/natlab-${lab}-inet`, ...c], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return 'unreachable';
    }
  };
  check(
    'the gateway has no route out and forwards nothing',
    gw('ip', 'route', 'get', '9.9.9.9') === 'unreachable' && gw('cat', '/proc/sys/net/ipv4/ip_forward') === '0',
  );
  for (const node of ['a', 'r']) {
    natlab('cut', node);
    const cut = await up();
    natlab('heal', node);
    check(`cut ${node} / heal ${node}`, !cut && (await up()));
  }
  natlab('cut', 'a', 'in');
  const oneWay = await up();
  natlab('heal', 'a');
  check('cut a in: answers do not arrive', !oneWay && (await up()));
  natlab('unplug', 'a');
  const plugged = await a.call('send', { sock: 's', ip: A[0], port: P[0], data: '{}' });
  const un = await up();
  natlab('plug', 'a');
  let again = false;
  for (let i = 0; i < 4 && !again; i++) again = await up(); // the first packet may be lost
  check('unplug a / plug a', !un && again, `send while unplugged: ${plugged}`);
  natlab('block-udp', 'r');
  const bu = await up(),
    bt = await tcp();
  natlab('unblock-udp', 'r');
  check('block-udp r: UDP stops in mid-session, TCP goes on', !bu && bt && (await up()));
  natlab('block-udp', 'a');
  const bu2 = await up();
  natlab('unblock-udp', 'a');
  check('block-udp a', !bu2 && (await up()));
  const before = await a.ask('s', 0, 0);
  natlab('expire', 'r');
  const after = await a.ask('s', 0, 0);
  check(
    'expire r: the same socket gets another mapping',
    after && after.port !== before.port && after.ip === before.ip,
    `${before.port} -> ${after?.port}`,
  );
  await probe.call('send', { sock: '0.0', ip: before.ip, port: before.port, data: 'late' });
  check('expire r: the old mapping is gone', !(await a.call('recv', { sock: 's', data: 'late', ms: WAIT })));
  const addr = natlab('flip', 'r');
  const moved = await a.ask('s', 0, 0);
  check('flip r: new external address', moved?.ip === addr && addr !== before.ip, `${before.ip} -> ${moved?.ip}`);
  natlab('timeout', 'r', '1');
  const t0 = await a.ask('s', 0, 0);
  await sleep(2600);
  const t1 = await a.ask('s', 0, 0);
  let t2 = t1;
  for (let i = 0; i < 6; i++) {
    await sleep(400);
    t2 = await a.ask('s', 0, 0);
  }
  check('timeout r 1: an idle mapping expires', t0.port !== t1?.port, `${t0.port} -> ${t1?.port}`);
  check('timeout r 1: a refreshed mapping lives', t1?.port === t2?.port);
  natlab('timeout', 'r', '120');
  natlab('retype', 'r', 'symmetric');
  const y = [await a.ask('s', 0, 0), await a.ask('s', 1, 1)];
  check('retype r symmetric', y[0] && y[1] && y[0].port !== y[1].port);
  natlab('retype', 'r', 'port-restricted');
  natlab('forward', 'r', 'udp', '7000', 'a', '6000');
  await a.call('listen', { port: 7001, addr: '0.0.0.0' });
  natlab('forward', 'r', 'tcp', '7001', 'a', '7001');
  const out = natlab('outside', 'a');
  await other.call('send', { sock: 's', ip: out, port: 7000, data: 'knock' });
  check('forward udp: an unsolicited datagram arrives', Boolean(await a.call('recv', { sock: 's', data: 'knock', ms: WAIT })));
  check('forward udp: replies leave from the forwarded port', (await a.ask('s', 0, 0))?.port === 7000);
  check('forward tcp: an inbound connection arrives', (await other.call('connect', { ip: out, port: 7001, ms: WAIT })) === 'ok');
  natlab('unforward', 'r');
  check('unforward: and no longer', (await other.call('connect', { ip: out, port: 7001, ms: WAIT })) !== 'ok');
  natlab('partition', 'r', 'probe');
  const part = await up();
  await other.call('send', { sock: 's', ip: A[0], port: P[0], data: JSON.stringify({ id: 'o1.' }) });
  const others = await other.call('recv', { sock: 's', data: 'o1.', ms: WAIT });
  natlab('join', 'r', 'probe');
  check('partition r probe: others are unaffected', !part && others && (await up()));
  natlab('loss', 'a', '50');
  let got = 0;
  await Promise.all(
    Array.from({ length: 200 }, async () => {
      if (await a.ask('s', 0, 0)) got++;
    }),
  );
  natlab('loss', 'a', '0');
  check('loss a 50: a quarter of 200 round trips survive', got > 20 && got < 90, `${got}`);
  natlab('rate', 'a', '8mbit');
  natlab('rate', 'a', 'off');
  check('rate a 8mbit / off', await up());
  const rtt = async () => {
    const t = process.hrtime.bigint();
    await a.ask('s', 0, 0);
    return Number(process.hrtime.bigint() - t) / 1e6;
  };
  try {
    natlab('delay', 'a', '40');
    await up();
    const slow = await rtt();
    natlab('delay', 'a', 'off');
    await up();
    const fast = await rtt();
    check('delay a 40 / off', slow > 79 && slow < 130 && fast < 40, `${slow.toFixed(0)} ms -> ${fast.toFixed(0)} ms`);
  } catch (e) {
    if (e.status === 77) console.log('skip delay (needs python3 and /dev/net/tun)');
    else throw e;
  }
  natlab('rule', 'a', 'tcp dport 8080 drop');
  const rt = await tcp();
  natlab('norules', 'a');
  check("rule a 'tcp dport 8080 drop' / norules", !rt && (await tcp()));
  natlab('drop', 'a');
  await Promise.race([a.exited, sleep(2000)]);
  check('drop a: its processes are dead', a.dead !== undefined, `exit ${a.dead}`);
  natlab('restore', 'a');
  await probe.end();
  await other.end();
  return failures;
}
