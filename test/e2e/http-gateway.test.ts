// Storage over HTTP as a person uses it: real daemons, real curl.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI_PATH } from '../../demos/lib/local-network.ts';
import { clientOf, type Daemon, Network, statusOf, until, writeSeededFile } from './harness.ts';

function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const withCurl = hasCurl();
if (!withCurl) console.warn('SKIPPED: curl is not installed; storage over HTTP was not tried with it');

/** An address of this machine that others can reach. */
const outsideHost = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
if (outsideHost === undefined) console.warn('SKIPPED: this machine has no address but loopback; the token was not tried from outside');

interface Curled {
  readonly code: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Runs curl; `input` is its standard input. */
function curl(args: readonly string[], input = ''): Promise<Curled> {
  const child = spawn('curl', ['-s', '-S', '-i', '--max-time', '60', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      let answer = Buffer.concat(parts);
      let head = '';
      // A `100 Continue` comes first.
      do {
        const end = answer.indexOf('\r\n\r\n');
        head = answer.subarray(0, Math.max(0, end)).toString('latin1');
        answer = answer.subarray(end + 4);
      } while (/^HTTP\/1\.1 1/.test(head));
      const [line = '', ...fields] = head.split('\r\n');
      const headers = Object.fromEntries(fields.map((field) => [field.split(':')[0]?.toLowerCase(), field.slice(field.indexOf(':') + 2)]));
      resolve({ code: code ?? -1, status: Number(line.split(' ')[1]), headers, body: answer });
    });
  });
}

const json = ({ body }: Curled): any => JSON.parse(body.toString());

let network: Network;
let host: Daemon;
let owner: Daemon;
let url: string;

beforeAll(async () => {
  network = await Network.create();
  host = await network.start({ name: 'host', offer: '1GiB', args: ['--http-port', '0'] });
  owner = await network.start({ name: 'owner', offer: '0', args: ['--http-port', '0'] });
  url = owner.url ?? '';
  await until('both see one another', async () => {
    const [first, second] = await Promise.all([statusOf(host.home), statusOf(owner.home)]);
    return first.joined && second.joined && second.peers.online > 0;
  });
});
afterAll(async () => {
  await network?.close();
});

/** `serve http` in a process of its own, and what it says first. */
async function serve(home: string, args: readonly string[]) {
  const child = spawn(process.execPath, [CLI_PATH, 'serve', 'http', '--json', '--home', home, ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: any[] = [];
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(JSON.parse(line));
      resolve();
    });
  });
  return { child, lines, ended };
}

describe.skipIf(!withCurl)('BD-56 SH-05 SH-06 curl alone', () => {
  it('SH-07 stores, reads, lists and deletes a value, and another participant reads it', async () => {
    const put = await curl(['-X', 'PUT', '--data-binary', 'hello, world', `${url}kv/greeting`]);
    expect([put.status, json(put)]).toMatchObject([201, { key: 'greeting', kind: 'bytes', size: 12 }]);
    const got = await curl([`${url}kv/greeting`]);
    expect([got.status, got.body.toString(), got.headers.etag]).toEqual([200, 'hello, world', put.headers.etag]);
    const part = await curl(['-r', '7-11', `${url}kv/greeting`]);
    expect([part.status, part.body.toString(), part.headers['content-range']]).toEqual([206, 'world', 'bytes 7-11/12']);
    const elsewhere = await curl([`${host.url}kv/${owner.nodeId}/greeting`]);
    expect([elsewhere.status, elsewhere.body.toString()]).toEqual([200, 'hello, world']);
    expect((await curl([`${host.url}kv/greeting`])).status).toBe(404);
    expect((await curl(['-X', 'PUT', '-d', 'x', `${host.url}kv/${owner.nodeId}/greeting`])).status).toBe(403);
    expect(json(await curl([`${url}kv/?prefix=greet`])).values).toMatchObject([{ key: 'greeting', size: 12, isLocal: false }]);
    expect((await curl(['-H', `If-None-Match: ${put.headers.etag}`, `${url}kv/greeting`])).status).toBe(304);
    expect((await curl(['-X', 'PUT', '-d', 'x', '-H', 'If-Match: "1"', `${url}kv/greeting`])).status).toBe(412);
    expect((await curl(['-X', 'DELETE', `${url}kv/greeting`])).status).toBe(200);
    expect((await curl([`${url}kv/greeting`])).status).toBe(404);
    expect((await curl([`${host.url}kv/${owner.nodeId}/greeting`])).status).toBe(404);
    expect(json(await curl([`${url}kv/?prefix=greet`])).values).toEqual([]);
  });

  it('SH-09 SH-10 keeps JSON as JSON, large bytes on hosts, local values here, and keys that look like paths', async () => {
    const object = { name: 'grüße', list: [1, null, { deep: true }] };
    const asJson = ['-H', 'content-type: application/json'];
    await curl(['-X', 'PUT', ...asJson, '-d', JSON.stringify(object), `${url}kv/object`]);
    const got = await curl([`${host.url}kv/${owner.nodeId}/object`]);
    expect([json(got), got.headers['content-type']]).toEqual([object, 'application/json']);
    expect((await curl(['-X', 'PUT', ...asJson, '-d', '{"a":', `${url}kv/broken`])).status).toBe(400);

    const large = await writeSeededFile(join(network.folder, 'large.bin'), 300_000, 3);
    // A value of this size goes to hosts, and one is too few for it.
    const refused = await curl(['-X', 'PUT', '--data-binary', `@${large}`, `${url}kv/large`]);
    expect([refused.status, json(refused).code]).toEqual([507, 'BAT_E_NOT_ENOUGH_PEERS']);

    expect((await curl(['-T', large, `${url}kv/here?local=1`])).status).toBe(201);
    const range = await curl(['-r', '-1000', `${url}kv/here?local=1`]);
    expect(range.body.equals(readFileSync(large).subarray(-1000))).toBe(true);
    expect((await curl([`${url}kv/here`])).status).toBe(404);

    const tricky = `${url}kv/..%2f..%2f..%2fetc%2fpasswd?local=1`;
    expect((await curl(['--path-as-is', '-X', 'PUT', '-d', 'mine', tricky])).status).toBe(201);
    expect((await curl(['--path-as-is', tricky])).body.toString()).toBe('mine');
    const keys = json(await curl([`${url}kv/?local=1&limit=1`])) as { values: { key: string }[]; next: string };
    expect([keys.values.map(({ key }) => key), keys.next]).toEqual([['../../../etc/passwd'], '../../../etc/passwd']);
    expect(json(await curl([`${url}kv/?local=1&after=${encodeURIComponent(keys.next)}`])).values).toMatchObject([{ key: 'here' }]);
  });

  it('keeps bytes by their hash, for everybody, for ever', async () => {
    const put = await curl(['-X', 'POST', '--data-binary', 'immutable', `${url}kv/`]);
    const hash = json(put).key as string;
    expect(put.status).toBe(201);
    const got = await curl([`${host.url}kv/${hash}`]);
    expect([got.body.toString(), got.headers.etag]).toEqual(['immutable', `"${hash}"`]);
    expect(got.headers['cache-control']).toContain('immutable');
    const refused = await curl(['-X', 'PUT', '-d', 'other', `${url}kv/${hash}`]);
    expect([refused.status, refused.headers.allow]).toEqual([405, 'GET, HEAD, DELETE']);
  });

  it('stores, reads a range of, lists and deletes a file', async () => {
    const path = await writeSeededFile(join(network.folder, 'film.bin'), 3_000_000, 4);
    const bytes = readFileSync(path);
    // curl puts the name behind the last slash.
    const stored = await curl(['-T', path, `${url}files/?policy=1of1`]);
    expect([stored.status, json(stored)]).toMatchObject([201, { name: 'film.bin', bytes: 3_000_000, policy: { k: 1, n: 1 } }]);
    expect(json(await curl([`${url}files/`])).files).toMatchObject([{ name: 'film.bin', health: 'good' }]);
    const whole = await curl([`${url}files/film.bin`]);
    expect(whole.body.equals(bytes)).toBe(true);
    const part = await curl(['-r', '1000000-1000099', `${url}${stored.headers.location?.slice(1)}`]);
    expect([part.status, part.body.equals(bytes.subarray(1_000_000, 1_000_100))]).toEqual([206, true]);
    expect((await curl(['-T', path, `${url}files/film.bin?policy=1of1`])).status).toBe(409);
    expect((await curl(['-I', `${url}files/film.bin`])).headers['content-length']).toBe('3000000');
    expect((await curl(['-X', 'DELETE', `${url}files/film.bin`])).status).toBe(200);
    expect((await curl([`${url}files/film.bin`])).status).toBe(404);
    expect((await clientOf(owner).list()).files).toEqual([]);
    expect(readdirSync(join(owner.home, 'db', 'incoming'))).toEqual([]);
  });

  it('an upload that is cut off leaves nothing', async () => {
    const path = await writeSeededFile(join(network.folder, 'cut.bin'), 20_000_000, 5);
    const child = spawn('curl', ['-s', '--limit-rate', '4M', '-T', path, `${url}files/cut.bin?policy=1of1`], { stdio: 'ignore' });
    const incoming = join(owner.home, 'db', 'incoming');
    await until(
      'bytes have come',
      async () => readdirSync(incoming).some((name) => statSync(join(incoming, name)).size > 1_000_000),
      10_000,
      20,
    );
    child.kill('SIGKILL');
    await until('nothing is left', async () => readdirSync(incoming).length === 0, 10_000, 20);
    expect((await clientOf(owner).list()).files).toEqual([]);
    expect(readdirSync(join(owner.home, 'db', 'uploads')).length).toBe(0);
  });
});

describe('off this machine', () => {
  it.skipIf(!withCurl || outsideHost === undefined)(
    'without the token there is a 401 and nothing happens; with it, everything',
    async () => {
      const before = (await clientOf(owner).list()).files;
      const { child, lines, ended } = await serve(owner.home, ['--host', outsideHost as string, '--port', '0']);
      const { url: outside, tokenFile } = lines[0];
      expect([lines[0].type, tokenFile, statSync(tokenFile).mode & 0o777]).toEqual(['ready', join(owner.home, 'http-token'), 0o600]);
      const path = await writeSeededFile(join(network.folder, 'secret.bin'), 2_000_000, 6);
      for (const args of [
        ['-T', path, `${outside}files/secret.bin?policy=1of1`],
        ['-X', 'PUT', '-d', 'x', `${outside}kv/secret`],
        ['-X', 'DELETE', `${outside}kv/secret`],
        [`${outside}files/`],
        ['-H', 'Authorization: Bearer wrong', `${outside}kv/`],
      ]) {
        const refused = await curl(args);
        expect([args.at(-1), refused.status, refused.headers['www-authenticate']?.slice(0, 6)]).toEqual([args.at(-1), 401, 'Bearer']);
      }
      expect((await clientOf(owner).list()).files).toEqual(before);
      expect((await curl([`${url}kv/secret`])).status).toBe(404);
      expect(json(await curl([`${outside}health`]))).toEqual({ ok: true });

      const header = `Authorization: Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
      const stored = await curl(['-H', '@-', '-X', 'PUT', '-d', 'x', `${outside}kv/secret`], header);
      expect(stored.status).toBe(201);
      expect((await curl(['-H', '@-', `${outside}kv/secret`], header)).body.toString()).toBe('x');
      expect(lines[1]).toMatchObject({ type: 'warning', text: expect.stringContaining('not encrypted') });
      child.kill('SIGINT');
      expect(await ended).toBe(0);
      expect(lines.at(-1)).toMatchObject({ type: 'result', stopped: true });
      await until('the port is free', async () => (await curl([`${outside}health`])).code !== 0, 5000, 50);
    },
  );

  it('serve ends with 5 when the daemon goes, and says before why it can not begin', async () => {
    const { lines, ended } = await serve(host.home, ['--port', '0']);
    expect(lines[0]).toMatchObject({ type: 'ready', host: '127.0.0.1', tokenFile: null });
    const taken = await host.run(['serve', 'http', '--port', String(lines[0].port)]);
    expect([taken.code, taken.last.code]).toEqual([2, 'BAT_E_PORT_IN_USE']);
    const open = join(network.folder, 'open-token');
    await writeFile(open, 'k'.repeat(43), { mode: 0o644 });
    const exposed = await host.run(['serve', 'http', '--port', '0', '--token-file', open]);
    expect([exposed.code, exposed.last.fix]).toEqual([2, `chmod 600 ${open}`]);
    await host.run(['stop']);
    expect(await ended).toBe(5);
    expect(lines.at(-1)).toMatchObject({ type: 'error', code: 'BAT_E_DAEMON_LOST' });
    const without = await host.run(['serve', 'http']);
    expect([without.code, without.last.code]).toEqual([5, 'BAT_E_NO_DAEMON']);
    await expect(network.start({ name: 'late', join: [], offer: '0', args: ['--http-port', new URL(url).port] })).rejects.toThrow(
      'somebody else has the port',
    );
    expect(existsSync(join(network.home('late'), 'control.sock'))).toBe(false);
  });
});
