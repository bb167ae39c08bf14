import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPinoLogger, type PinoLoggerOptions } from './pino-logger.ts';
import { createSystemRuntime } from './system-runtime.ts';

function captured(options: PinoLoggerOptions = {}) {
  const lines: string[] = [];
  const log = createPinoLogger({ ...options, stream: { write: (line: string) => lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '') as Record<string, unknown> };
}

describe('PinoLogger', () => {
  it('writes one flat JSON line per event', () => {
    const { log, last } = captured();
    log.child({ node: 'ana' }).info('kad.lookup.done', { hops: 3 });
    expect(last()).toMatchObject({ level: 'info', event: 'kad.lookup.done', node: 'ana', hops: 3 });
    expect(Object.keys(last())).not.toContain('hostname');
  });

  it('lets no secret through, nested, in a child or inside a text', () => {
    const marker = 'PLANTED-SECRET';
    const code = 'bat-invite:1:AQF3cuPLANTED-SECRET';
    const { log, lines } = captured({ level: 'trace' });
    for (const name of ['key', 'seed', 'token', 'invite', 'fileKey', 'access', 'passphrase', 'recoveryPhrase', 'networkSecret', 'salts']) {
      log.trace('x', { [name]: marker });
      log.error('x', { manifest: { [name]: marker }, list: [{ [name]: marker }], a: { b: { [name]: marker } } });
      log.child({ [name]: marker, more: { [name]: marker } }).warn('x');
    }
    log.warn('cli.argv', { argv: ['join', code], note: `tried ${code} twice` });
    log.info(`join ${code}`);
    expect(lines).toHaveLength(32);
    expect(lines.join('')).not.toContain(marker);
    expect(lines.join('')).toContain('bat-invite:[redacted]');
  });

  it('names bytes by their start, never in full', () => {
    const { log, last } = captured();
    log.info('x', { target: new Uint8Array(32).fill(0xab), buffer: Buffer.alloc(3, 1) });
    expect(last()).toMatchObject({ target: 'abababab.. (32 bytes)', buffer: '010101' });
  });

  it('writes errors with their code and drops what is below its level', () => {
    const { log, lines, last } = captured({ level: 'warn' });
    log.info('x');
    expect(lines).toHaveLength(0);
    log.error('disk.failed', { error: Object.assign(new Error('no space'), { code: 'ENOSPC' }) });
    expect(last()).toMatchObject({ level: 'error', error: { message: 'no space', code: 'ENOSPC' } });
  });

  it('begins its file anew before it grows beyond its bound, and keeps the one before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'batchain-log-'));
    try {
      const file = join(folder, 'daemon.log');
      const log = createPinoLogger({ file, fileBytesMax: 2000 });
      for (let count = 0; count < 100; count++) log.info('bat.pool.hello-failed', { count });
      const counts = (path: string): number[] =>
        readFileSync(path, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line).count);
      expect(statSync(file).size).toBeLessThanOrEqual(2000);
      expect(statSync(`${file}.1`).size).toBeLessThanOrEqual(2000);
      const kept = [...counts(`${file}.1`), ...counts(file)];
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 100 - kept.length + i));
      expect(kept.length).toBeGreaterThan(20);
      // A restart goes on with the file as it is.
      createPinoLogger({ file, fileBytesMax: 2000 }).info('daemon.ready', { count: 100 });
      expect(counts(file).at(-1)).toBe(100);
      expect(statSync(file).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('appends to a file that only its owner can read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'batchain-log-'));
    try {
      const file = join(folder, 'log', 'daemon.log');
      createPinoLogger({ file }).info('daemon.ready');
      createPinoLogger({ file }).info('daemon.ready');
      expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(2);
      if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('createSystemRuntime', () => {
  it('names the part in the log lines of a fork', () => {
    const { log, last } = captured();
    const runtime = createSystemRuntime({ log });
    runtime.fork('kad').log.info('kad.ready');
    expect(last()).toMatchObject({ event: 'kad.ready', part: 'kad' });
  });
});
